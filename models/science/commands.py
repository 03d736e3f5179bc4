"""The command of `python -m hwsim.models.science`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hwsim.models.science import records

app = typer.Typer(
    add_completion=False, pretty_exceptions_enable=False, help="Records of the ticket experiments."
)


@app.callback()
def _commands() -> None:
    """Records of the ticket experiments."""


@app.command(epilog="Example: python -m hwsim.models.science collect runs/grid models/results/science")
def collect(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="FOLDER... OUT", help="Folders of grids, then the folder of the committed files."
        ),
    ],
) -> None:
    """Add the records of grids to the committed files, one a task; those that are there already stay."""
    if len(paths) < 2:
        raise typer.BadParameter("name one or more folders of grids, then the folder to write to")
    for file in records.collect(paths[:-1], paths[-1]):
        print(f"{file}: {len(records.read(file))} records")
