"""What a grid is made of: a configuration, seeds, and cells of methods. docs/grid.md explains the fields."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from hwsim.errors import ConfigError
from hwsim.models.runs import settings
from hwsim.models.runs.settings import setting

NAME = re.compile(r"[a-z0-9_]+")
"""Of a cell: its records' files are called TASK-CELL-ROUND-SEED."""


@dataclass(frozen=True)
class CellPlan:
    """One search folder. Lists that are empty and texts that are "" give way to the grid's."""

    methods: dict[str, tuple[int, ...]] = setting(
        dict, "for each method the rungs of the ladder to run it at; rung k keeps keep^k", low=0, high=100
    )
    set: tuple[str, ...] = setting((), "fields of the configuration to change, after those of the grid")
    config: str = setting("", "a configuration of its own")
    seeds: tuple[int, ...] = setting((), "seeds of its own", low=0, high=2**32 - 1)
    barriers: tuple[int, ...] = setting(
        (), "rungs, 0: dense, at whose masks linear mode connectivity is measured", low=0, high=100
    )
    source: str = setting("", "for transfer: TASK-CELL whose iterative tickets are taken")


@dataclass(frozen=True)
class Overlaps:
    """Which tickets of iterative pruning are compared, mask by mask."""

    pairs: tuple[tuple[str, ...], ...] = setting(
        (), "two cells each, or TASK-CELL of another grid in the folder; one cell twice: its seeds"
    )
    rungs: tuple[int, ...] = setting((), "where", low=1, high=100)

    def __post_init__(self) -> None:
        if wrong := [pair for pair in self.pairs if len(pair) != 2]:
            raise ConfigError(f"overlaps.pairs has {list(wrong[0])}; a pair is two cells")


@dataclass(frozen=True)
class Grid:
    """All cells, and what they share."""

    config: str = setting("", "the configuration, as in hwsim train: a file, or a shipped name")
    set: tuple[str, ...] = setting((), "fields of the configuration to change, as with --set")
    seeds: tuple[int, ...] = setting((0,), "a run for each, in every round", low=0, high=2**32 - 1)
    keep: float = setting(0.8, "share of the remaining weights that a rung keeps", low=0.01, high=0.99)
    trainer: str = setting(
        "side_by_side", "as in hwsim search", choices=("side_by_side", "together", "one_by_one")
    )
    cells: dict[str, CellPlan] = setting(dict, "by name")
    overlaps: Overlaps = setting(Overlaps, "")

    def __post_init__(self) -> None:
        for name in self.cells:
            if not NAME.fullmatch(name):
                raise ConfigError(f"cells.{name}: a cell's name is made of a-z, 0-9 and _")

    def digest(self) -> str:
        """First 12 hex digits of the SHA-256 of all fields."""
        text = json.dumps(dataclasses.asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


OF_THE_FILE = {field.name: field.name for field in dataclasses.fields(Grid)} | {"seed": "seeds"}
"""What --set does not reach, by the name that may be tried."""


def shipped() -> list[str]:
    """Names of the grids that come with hwsim."""
    folder = resources.files("hwsim.models") / "grids"
    return sorted(one.name.removesuffix(".toml") for one in folder.iterdir() if one.name.endswith(".toml"))


def load(source: str | Path, assignments: Sequence[str] = ()) -> tuple[str, Grid]:
    """(name, grid) of a file or of a shipped grid; `assignments` go to the configuration of every cell.

    Raises ConfigError for anything that is not exactly a grid.
    """
    for name in (assignment.partition("=")[0].strip() for assignment in assignments):
        if name in OF_THE_FILE:
            raise ConfigError(
                f"--set {name}: a grid says {OF_THE_FILE[name]} in its file, write it there; "
                "--set changes fields of the configuration of its cells"
            )
    path = Path(source)
    if path.is_file():
        return _read(path, assignments)
    if str(source) in shipped():
        with resources.as_file(resources.files("hwsim.models") / "grids" / f"{source}.toml") as file:
            return _read(file, assignments)
    raise ConfigError(f"{path}: no such file; grids that come with hwsim: {', '.join(shipped())}")


def _read(path: Path, assignments: Sequence[str]) -> tuple[str, Grid]:
    values: dict[str, Any] = settings.read(path)
    grid = settings.build(Grid, values, str(path))
    if not grid.cells:
        raise ConfigError(f"{path}: a grid without cells; write a section [cells.NAME.methods]")
    cells = {
        name: dataclasses.replace(cell, set=(*cell.set, *assignments)) for name, cell in grid.cells.items()
    }
    return path.stem, dataclasses.replace(grid, cells=cells)
