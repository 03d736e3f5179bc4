"""The text formats of the data sets. Only a newline ends a line, and a quotation mark is just a character."""

from __future__ import annotations

import gzip
import lzma
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from hwsim.errors import HwsimError

LARGEST_LABEL = 1000


class Example(NamedTuple):
    """A text and its class (sentiment: 0 negative, 1 positive), or its score in a regression task."""

    text: str
    label: float
    """A whole number except in a regression task."""
    second: str = ""
    """The second text of a pair task."""


Parser = Callable[[Iterable[str]], list[Example]]


def file_lines(path: Path, encoding: str = "utf-8") -> Iterator[str]:
    """The lines of a plain, .gz or .xz file; raises HwsimError naming a file that cannot be read."""
    openers: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".xz": lzma.open}
    opener = openers.get(path.suffix, open)
    try:
        # Texts may hold carriage returns and other separators: only a newline ends a line.
        with opener(path, "rt", encoding=encoding, newline="\n") as file:
            yield from file
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise HwsimError(f"{path}: cannot be read ({error})") from error
    except UnicodeDecodeError as error:
        raise HwsimError(f"{path}: not UTF-8 text ({error})") from error


def table(
    columns: str | int, text: str, label: str, second: str = "", classes: tuple[str, ...] | None = None
) -> Parser:
    """A parser of tab-separated rows.

    columns: the header that must stand in the first line, or the number of columns of a file without one;
    text, label, second: names of columns, or their numbers in a file without a header. classes: the names
    that stand for 0, 1, ... in the label column; the label is a whole number if it is None, a real number
    if it is empty.
    """

    def parse(lines: Iterable[str]) -> list[Example]:
        rows = enumerate((line.rstrip("\n").split("\t") for line in lines), 1)
        if isinstance(columns, str):
            _, header = next(rows, (1, [""]))
            if header != columns.split():
                raise HwsimError(
                    f"line 1 is {header}; the file starts with the header {'<TAB>'.join(columns.split())}"
                )
            place = {name: i for i, name in enumerate(header)}
        else:
            place = {str(i): i for i in range(columns)}
        examples = []
        for number, cells in rows:
            try:
                if len(cells) != len(place):
                    raise ValueError(f"{len(cells)} columns in place of {len(place)}")
                other = cells[place[second]].strip() if second else ""
                if not cells[place[text]].strip():
                    raise ValueError(f"an empty {text}")
                examples.append(
                    Example(cells[place[text]].strip(), to_label(cells[place[label]], classes), other)
                )
            except ValueError as error:
                raise HwsimError(f"line {number} does not fit: {error}") from error
        return examples

    return parse


def to_label(cell: str, classes: tuple[str, ...] | None) -> float:
    """The label that a cell says (`table`); raises ValueError if it says none."""
    if classes is None:
        if not (cell.isascii() and cell.isdigit() and int(cell) < LARGEST_LABEL):
            raise ValueError(f"{cell!r} is no whole-number label")
        return int(cell)
    if not classes:
        return float(cell)
    if cell not in classes:
        raise ValueError(f"{cell!r} is none of the labels {', '.join(classes)}")
    return classes.index(cell)


def parse_label_first(lines: Iterable[str]) -> list[Example]:
    """Lines `label text`; the first blank separates."""
    return [_label_and_text(number, line, None) for number, line in enumerate(lines, 1)]


def parse_questions(classes: tuple[str, ...]) -> Parser:
    """TREC's lines `COARSE:fine question`."""

    def parse(lines: Iterable[str]) -> list[Example]:
        coarse = (line.replace(":", " ", 1).split(" ", 2) for line in lines)
        return [
            _label_and_text(number, f"{cells[0]} {cells[-1]}", classes)
            for number, cells in enumerate(coarse, 1)
        ]

    return parse


def _label_and_text(number: int, line: str, classes: tuple[str, ...] | None) -> Example:
    label, _, text = line.rstrip("\n").partition(" ")
    try:
        return Example(text.strip(), to_label(label, classes))
    except ValueError as error:
        raise HwsimError(f"line {number} does not fit: {error}") from error


parse_sentences = table("sentence label", "sentence", "label")


def parse_reviews(lines: Iterable[str]) -> list[Example]:
    """IMDB's rows under `label rating id text`; the texts' line breaks become blanks."""
    rows = table("label rating id text", "text", "label")(lines)
    return [row._replace(text=row.text.replace("<br />", " ")) for row in rows]


def read_tsv(path: str | os.PathLike[str]) -> list[Example]:
    """Read a data file with the header `sentence<TAB>label`, plain, .gz or .xz.

    Raises HwsimError naming the file and line.
    """
    path = Path(path)
    try:
        examples = parse_sentences(file_lines(path))
    except HwsimError as error:
        message = str(error)
        raise HwsimError(message if message.startswith(str(path)) else f"{path}: {message}") from error
    if not examples:
        raise HwsimError(f"{path}: no rows under the header")
    return examples
