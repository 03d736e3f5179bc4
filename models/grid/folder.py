"""Where a grid's results lie, and how its processes keep out of each other's way."""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwsim.errors import ConfigError
from hwsim.files import read_record, write_atomic
from hwsim.models.grid.cells import Cell
from hwsim.models.grid.config import Grid


@dataclass(frozen=True)
class GridFolder:
    """The folder OUT; several grids may share it, and cells of one may read those of another."""

    path: Path

    @property
    def records(self) -> Path:
        """The folder of all records."""
        return self.path / "records"

    def cell(self, key: str) -> Path:
        """The search folder of a cell."""
        return self.path / "cells" / key

    def record(self, cell: Cell, round: str, seed: int) -> Path:
        """The record of a run."""
        return self.records / f"{cell.key}-{round}-{seed}.json"

    def note(self, name: str, grid: Grid) -> None:
        """Write down what is asked. Raises ConfigError if the folder holds another grid of this name."""
        path = self.path / "grids" / f"{name}.json"
        asked = {"grid": name, "hash": grid.digest()} | dataclasses.asdict(grid)
        if path.exists() and (found := read_record(path))["hash"] != grid.digest():
            raise ConfigError(
                f"{path} is a grid of hash {found['hash']}, not {grid.digest()}; give another --out"
            )
        write_atomic(path, json.dumps(asked, indent=1) + "\n")

    @contextmanager
    def claimed(self, cell: Cell) -> Iterator[Path]:
        """A cell's search folder, with every other process kept out of it; ConfigError if one is in it.

        The lock goes with the process, however that ends.
        """
        path = self.cell(cell.key)
        path.mkdir(parents=True, exist_ok=True)
        with open(path / "lock", "a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                raise ConfigError(f"{path}: process {lock.read()} is running this cell") from None
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            yield path

    def done(self, cell: Cell) -> int:
        """How many of a cell's runs have their record."""
        return sum(self.record(cell, one.name, seed).exists() for one in cell.rounds for seed in cell.seeds)

    def all_records(self, cell: Cell) -> list[dict[str, Any]]:
        """The records of a cell's runs that are there, round by round."""
        paths = [self.record(cell, one.name, seed) for one in cell.rounds for seed in cell.seeds]
        return [read_record(path) for path in paths if path.exists()]
