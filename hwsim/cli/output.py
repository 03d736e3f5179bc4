"""What commands print: results on stdout, everything else on stderr."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from hwsim.errors import HwsimError

if TYPE_CHECKING:
    from hwsim.verify import Report

PIPED_WIDTH = 120


def stdout() -> Console:
    """The console of results; a pipe gets lines long enough to be read by other programs."""
    return Console(width=None if sys.stdout.isatty() else PIPED_WIDTH, highlight=False, markup=False)


def stderr() -> Console:
    """The console of progress and remarks."""
    return Console(stderr=True, highlight=False, markup=False)


def print_json(value: Any) -> None:
    """One JSON document on stdout."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str | Text]]) -> None:
    """A plain table; columns whose head begins with `>` are right-aligned."""
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column.lstrip(">"), justify="right" if column.startswith(">") else "left")
    for row in rows:
        table.add_row(*row)
    stdout().print(table)


def print_report(report: Report) -> None:
    """The equality table of a verification and its first difference."""
    rows = [
        (name, f"{report.tensors.get(name, 0):,}", _verdict(equal, name in report.refused))
        for name, equal in report.equal.items()
    ]
    rows += [(name, "-", Text(f"skipped: {why}", style="yellow")) for name, why in report.skipped.items()]
    print_table(("implementation", ">tensors", "against NumPy"), rows)
    for name, message in report.refused.items():
        stdout().print(Text(f"{name} refuses {message}", style="yellow"))
    for name, message in report.failed.items():
        stdout().print(bad(f"{name} failed: {message}"))
    for difference in report.differences.values():
        stdout().print(bad(str(difference)))


def _verdict(equal: bool, partly: bool) -> Text:
    if not equal:
        return bad("NOT EQUAL")
    return Text("equal, as far as offered", style="yellow") if partly else good("equal")


def writable(path: Path, what: str) -> Path:
    """`path` after a check, before any work is done, that a file can be written there; HwsimError if not."""
    if path.is_dir():
        raise HwsimError(f"{what} {path} is a folder; name a file")
    if not path.parent.is_dir():
        raise HwsimError(f"{what} {path}: there is no folder {path.parent}; make it first")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise HwsimError(f"{what} {path} cannot be written; choose another place")
    return path


@contextmanager
def watching() -> Iterator[Callable[[str], None]]:
    """A spinner on stderr, and the function that tells it which implementation runs."""
    with stderr().status("") as status:

        def watch(name: str) -> None:
            first = " (a new model is compiled first, which takes up to a minute)" if name == "rtl" else ""
            status.update(f"running {name}{first}")

        yield watch


@contextmanager
def resumable(folder: str | os.PathLike[str], program: str = "hwsim") -> Iterator[None]:
    """Ctrl-C is answered with what is done and the command that goes on, as it was given; then exit 130."""
    try:
        yield
    except KeyboardInterrupt as stop:
        again = shlex.join([*program.split(), *sys.argv[1:]])
        stderr().print(f"hwsim: stopped; what is done is in {folder}, go on with: {again}", soft_wrap=True)
        raise typer.Exit(130) from stop


def good(text: str) -> Text:
    """Text for what is as it should be."""
    return Text(text, style="green")


def bad(text: str) -> Text:
    """Text for what is not."""
    return Text(text, style="bold red")


def percent(fraction: float) -> str:
    """0.4567 as 45.67 %."""
    return f"{100 * fraction:.2f} %"


def progress_bar() -> Progress:
    """A progress bar on stderr, which disappears when it is done."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    return Progress(*columns, console=stderr(), transient=True)
