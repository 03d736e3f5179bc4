"""`hwsim search --grid`: the cells of a grid, in this process or by Ray."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer
from rich.progress import Progress

from hwsim.cli.output import percent, print_json, print_table, progress_bar, stderr, stdout


def run_grid(
    source: str, wanted: Sequence[str], out: Path, assignments: Sequence[str], json: bool, again: str
) -> None:
    """Run a grid's cells and print what came of them; `again` is the command that goes on."""
    from hwsim.models.grid import cells, execute, load
    from hwsim.models.grid.folder import GridFolder
    from hwsim.models.grid.overlaps import write_overlaps

    name, grid = load(source, assignments)
    chosen = cells(name, grid, wanted)
    folder = GridFolder(out)
    folder.note(name, grid)
    try:
        with progress_bar() as bar:
            for cell in chosen:
                execute(cell, out, Bar(bar, cell.key))
        write_overlaps(name, grid, {cell.name: cell.key for cell in cells(name, grid)}, folder)
    except KeyboardInterrupt as stop:
        stderr().print(f"hwsim: stopped; what is done is in {out}, go on with: {again}", soft_wrap=True)
        raise typer.Exit(130) from stop
    found = {cell.key: folder.all_records(cell) for cell in chosen}
    if json:
        print_json([record for records in found.values() for record in records])
        return
    rows = []
    for key, records in found.items():
        for round in dict.fromkeys(record["round"] for record in records):
            own = [record for record in records if record["round"] == round]
            means = [sum(r["metrics"][metric] for r in own) / len(own) for metric in ("accuracy", "loss")]
            density = percent(own[0]["density_integer"])
            rows.append((key, round, str(len(own)), density, *(f"{mean:.4f}" for mean in means)))
    print_table(("cell", "round", ">seeds", ">density", ">accuracy", ">loss"), rows)
    stdout().print(f"records are in {folder.records}", soft_wrap=True)


class Bar:
    """A cell's progress, one line on stderr."""

    def __init__(self, bar: Progress, key: str) -> None:
        self.bar, self.task = bar, bar.add_task(key, total=None)

    def begin(self, cell: str, round: str, number: int, count: int) -> None:
        """A round begins."""
        self.bar.reset(self.task, total=None, description=f"{cell}: {round}, round {number + 1} of {count}")

    def step(self, step: int, steps: int) -> None:
        """Steps done in it."""
        self.bar.update(self.task, completed=step, total=steps)
