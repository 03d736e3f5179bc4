"""`hwsim search --grid`: the cells of a grid, in this process or by Ray."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.progress import Progress

from hwsim.cli.output import percent, print_json, print_table, progress_bar, resumable, stdout

if TYPE_CHECKING:
    from hwsim.models.grid.cells import Cell
    from hwsim.models.grid.folder import GridFolder


@dataclass(frozen=True)
class How:
    """Where cells run."""

    local: bool
    """In this process."""
    workers: int
    """Of Ray; 0: as many as there are processors."""
    address: str
    """Of a Ray cluster."""


def run_grid(
    source: str,
    wanted: Sequence[str],
    out: Path,
    assignments: Sequence[str],
    how: How,
    json: bool,
) -> None:
    """Run a grid's cells and print what came of them."""
    from hwsim.models.grid import cells, load
    from hwsim.models.grid.folder import GridFolder
    from hwsim.models.grid.inputs import check
    from hwsim.models.grid.overlaps import write_overlaps

    name, grid = load(source, assignments)
    chosen = cells(name, grid, wanted)
    folder = GridFolder(out)
    if not how.address:  # only the machines of a cluster need see what its cells read
        check(chosen, folder)
    folder.note(name, grid)
    with resumable(out):
        with progress_bar() as bar:
            _run(bar, chosen, folder, how)
        write_overlaps(name, grid, {cell.name: cell.key for cell in cells(name, grid)}, folder)
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


def _run(bar: Progress, chosen: Sequence[Cell], folder: GridFolder, how: How) -> None:
    if how.local:
        from hwsim.models.grid.execute import execute

        for cell in chosen:
            execute(cell, folder.path, Bar(bar, cell.key))
        return
    from hwsim.models.grid.by_ray import execute_by_ray

    runs = sum(len(cell.rounds) * len(cell.seeds) for cell in chosen)
    task = bar.add_task("runs", total=runs)

    def watch() -> None:
        bar.update(task, completed=sum(folder.done(cell) for cell in chosen))

    execute_by_ray(chosen, folder.path, how.workers, how.address, watch)


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
