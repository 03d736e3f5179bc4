"""`hwsim runtimes`: one ticket in every runtime that can be had."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hwsim.cli.options import DEFAULT, DataOption, JsonOption, SeedOption, TicketArgument
from hwsim.cli.output import bad, good, print_json, print_table, stdout, watching

if TYPE_CHECKING:
    from rich.text import Text

    from hwsim.runtimes import Inputs, Row
    from hwsim.ticket import Ticket

EXAMPLE = "hwsim runtimes sst2-tiny --inputs 16 --task sst2 --split dev"


def command(
    ticket: TicketArgument = DEFAULT,
    profile: Annotated[
        str, typer.Option("--profile", help="portable (any runtime) or fast (onnxruntime's family).")
    ] = "portable",
    inputs: Annotated[
        int, typer.Option("--inputs", min=1, max=4096, help="How many sequences: directed, then random.")
    ] = 8,
    seed: SeedOption = 0,
    data: DataOption = None,
    task: Annotated[str | None, typer.Option("--task", help="Also a whole data set, by name.")] = None,
    split: Annotated[str, typer.Option("--split", help="Its part: dev, test or train.")] = "dev",
    runtime: Annotated[
        list[str] | None, typer.Option("--runtime", help="Only this one; may be given again.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Run the same inputs through every runtime and compare every named tensor with the emulator.

    Runtimes that are not installed are listed as missing. Exit status 1 if one that is installed fails or
    differs in one integer, or if there is none.
    """
    from hwsim import load_ticket
    from hwsim.runtimes import directed_and_random, run_runtimes

    model = load_ticket(ticket)
    words = ["hwsim", "runtimes", ticket, "--profile", profile, "--inputs", str(inputs), "--seed", str(seed)]
    given = directed_and_random(model, inputs, seed)
    if data:
        words += ["--data", str(data)]
        given += _of_file(model, data)
    if task:
        words += ["--task", task, "--split", split]
        given += _of_task(model, task, split)
    again = shlex.join(words).replace("{", "{{").replace("}", "}}") + " --runtime {name}"
    with watching() as watch:
        rows = run_runtimes(model, given, profile, runtime or (), again, watch)
    count = sum(len(token_ids) for token_ids, _ in given)
    if json:
        print_json([row.to_dict() | {"profile": profile, "sequences": count} for row in rows])
    else:
        titles = ("runtime", "version", "loads", "bit-exact", ">seconds", "first difference")
        print_table(titles, map(_cells, rows))
        for row in rows:
            if row.first_difference:
                stdout().print(bad(str(row.first_difference)))
        stdout().print(f"{count} sequences, profile {profile}; every named tensor compared with the emulator")
    if not all(row.exact for row in rows if not row.missing) or all(row.missing for row in rows):
        raise typer.Exit(1)


def _of_file(model: Ticket, data: Path) -> Inputs:
    from hwsim.data import read_tsv
    from hwsim.runtimes import of_texts
    from hwsim.tokens import encode

    return of_texts(encode(model, [example.text for example in read_tsv(data)]))


def _of_task(model: Ticket, task: str, split: str) -> Inputs:
    from hwsim.cli.evaluate import examples
    from hwsim.runtimes import of_texts

    return of_texts(examples(model, task, split, None)[1])


def _cells(row: Row) -> tuple[str | Text, ...]:
    if row.missing:
        return row.name, "-", "-", "missing", "-", row.missing
    verdict = good("yes") if row.exact else bad("NO")
    loads = good("yes") if row.loads else bad("NO")
    seconds = "-" if row.seconds is None else f"{row.seconds:.3f}"
    found = row.first_difference
    where = f"{found.tensor}{list(found.index)}: {found.actual} for {found.expected}" if found else ""
    return row.name, row.version or "-", loads, verdict, seconds, row.error or where
