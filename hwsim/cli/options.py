"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hwsim.tickets import DEFAULT

TicketArgument = Annotated[str, typer.Argument(metavar="TICKET", help="A shipped ticket's name, or a file.")]
TicketOption = Annotated[str, typer.Option("--ticket", help="A shipped ticket's name, or a file.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else on stdout.")]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Seed of everything random.")]
TextOption = Annotated[list[str] | None, typer.Option("--text", help="A text; may be given again.")]
DataOption = Annotated[
    Path | None, typer.Option("--data", help="A file with the header sentence<TAB>label, plain, .gz or .xz.")
]

__all__ = [
    "DEFAULT",
    "DataOption",
    "JsonOption",
    "SeedOption",
    "TextOption",
    "TicketArgument",
    "TicketOption",
]
