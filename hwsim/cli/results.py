"""`hwsim results`: what the records of a grid say, as a table or a plot."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hwsim.cli.options import JsonOption
from hwsim.cli.output import print_json, print_table, stderr, stdout

EXAMPLE = "hwsim results runs/grid --table controls --plot accuracy.svg"


def command(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="PATH",
            help="A grid's folder, its records, or what was collected from them, a file or a folder.",
        ),
    ],
    table: Annotated[
        str,
        typer.Option(
            "--table",
            help="ladder, decisions, controls, others, pooled, overlaps, barriers, cost, layers, "
            "distillation, attention, empty, dense (docs/protocol.md).",
        ),
    ] = "ladder",
    plots: Annotated[
        list[Path] | None,
        typer.Option("--plot", help="Also draw a .svg or .png file; may be given again."),
    ] = None,
    metric: Annotated[str, typer.Option("--metric", help="Of the plot: accuracy or loss.")] = "accuracy",
    axis: Annotated[str, typer.Option("--axis", help="Of the plot: density, bits or digits.")] = "density",
    json: JsonOption = False,
) -> None:
    """Compare tickets with dense models and controls, by the tests that docs/protocol.md fixed beforehand.

    A plot shows means over seeds with 95 % intervals: against density tickets with their controls, against
    bits and digits the tickets of all models.
    """
    from hwsim.models.science import plot as drawing
    from hwsim.models.science import records
    from hwsim.models.science.table import plain
    from hwsim.models.science.table import table as named

    wanted = named(table)
    with stderr().status(f"reading {path}") as status:
        found = records.read(path)
        for plot in plots or ():
            status.update(f"drawing {plot}")
            drawing.draw(found, plot, metric, axis)
            status.console.print(f"drawn: {plot}", soft_wrap=True)
        status.update(f"computing the table {table}")
        if json:
            rows = plain(wanted.rows(found))
        else:
            heads, cells = wanted.shown(found)
    if json:
        print_json(rows)
    elif cells:
        print_table(heads, cells)
    else:
        stdout().print(f"no records for the table {table}: it needs {wanted.needs}", soft_wrap=True)
