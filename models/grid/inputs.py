"""What cells read beside their configuration: texts, a teacher's answers, a cell; checked beforehand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from hwsim.data.tasks import TASKS
from hwsim.errors import ConfigError, HwsimError
from hwsim.models.grid.cells import Cell
from hwsim.models.grid.config import shipped
from hwsim.models.grid.folder import GridFolder
from hwsim.models.runs import tasks
from hwsim.models.tasks import TaskData
from hwsim.ticket_file import load_ticket

BUDGET = "the commands that make it are in docs/grid.md, section 'Budget of the ticket experiments'"
"""Of grids that come with hwsim, which want texts prepared in one way."""


def check(cells: Sequence[Cell], folder: GridFolder) -> None:
    """Raises HwsimError naming the file or the cell unless all is there that these cells read.

    The cell that another one reads may still be in the making: as one of these, or by a process that has made
    its folder.
    """
    keys = {cell.key for cell in cells}
    read = cache(tasks.load)
    for cell in cells:
        source = folder.cell(cell.source)
        if cell.source and cell.source not in keys and not source.exists():
            raise ConfigError(
                f"grid {cell.grid}, cells.{cell.name}: it reads the cell {cell.source}, which is not in "
                f"{folder.path}; run the grid that has {cell.source} first, with the same --out"
            )
        _check_teacher(cell)
        task = cell.config.task
        if task.name in TASKS and TASKS[task.name].text:
            path = Path(task.folder) / f"{task.name}.safetensors"
            data = _check_texts(cell, path, read)
            if cell.source:
                _check_vocabulary(data, path, source)


def _check_teacher(cell: Cell) -> None:
    logits = cell.config.distillation.logits
    if logits and not Path(logits).exists():
        advice = BUDGET if cell.grid in shipped() else "hwsim distill leaves it (docs/distillation.md)"
        raise ConfigError(f"distillation.logits is {logits}, which does not exist; {advice}")


def _check_texts(cell: Cell, path: Path, read: Callable[[str, str, int], TaskData]) -> TaskData:
    """The task, if no text is shorter than the model reads, and of a shipped grid as that wants it."""
    name, most = cell.config.task.name, cell.config.model.max_tokens
    command = f"python -m hwsim.models.tasks {path.parent} {name} --max-tokens {most}"
    advice = BUDGET if cell.grid in shipped() else f"make it: {command}"
    if not path.exists():
        raise HwsimError(f"{path} does not exist; {advice}")
    data = read(name, str(path.parent), most)
    if data.max_tokens < most and any(split.truncated for split in data.splits.values()):
        raise HwsimError(
            f"{path} has texts cut to {data.max_tokens} tokens, not model.max_tokens {most}; {advice}"
        )
    if cell.grid in shipped() and data.rows is not None:
        raise HwsimError(f"{path} brings token rows, which {cell.grid} draws from the seed; {advice}")
    return data


def _check_vocabulary(data: TaskData, path: Path, source: Path) -> None:
    """A ticket moved to another vocabulary would take over rows of other words."""
    for ticket in sorted(source.glob("seed-*/*.ticket.safetensors"))[:1]:
        if load_ticket(ticket).tokenizer != data.tokenizer:
            raise HwsimError(f"{path} has another vocabulary than {ticket}; prepare all tasks by one command")
