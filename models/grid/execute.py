"""Run a cell: round after round through its search, and a record for each run; nothing is made twice."""

from __future__ import annotations

import dataclasses
import json
from functools import cache
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np

from hwsim.errors import ConfigError
from hwsim.files import read_record, write_atomic
from hwsim.models.float_sparse import Model, SparseFloat
from hwsim.models.grid.barriers import write_barriers
from hwsim.models.grid.cells import Cell
from hwsim.models.grid.folder import GridFolder
from hwsim.models.grid.records import measures, run_record
from hwsim.models.model import InhibitorTransformer
from hwsim.models.pruning.plan import DENSE
from hwsim.models.pruning.rewind import Snapshot
from hwsim.models.runs import tasks
from hwsim.models.runs.processes import start
from hwsim.models.search import run_rounds
from hwsim.models.search.from_config import initial, setup_from
from hwsim.models.train import predict
from hwsim.ticket import Ticket
from hwsim.ticket_file import load_ticket


class Watch(Protocol):
    """Who is told of the progress."""

    def begin(self, cell: str, round: str, number: int, count: int) -> None:
        """A round begins, the number-th of `count` (from 0)."""

    def step(self, step: int, steps: int) -> None:
        """Steps done in it."""


def execute(cell: Cell, out: Path, watch: Watch) -> None:
    """Run what is missing of a cell.

    A round that was interrupted goes on from its last checkpoint, those before it are not run again. Raises
    ConfigError if another process is running the cell, or as `run_rounds` and the task's loading do.
    """
    folder = GridFolder(out)
    with folder.claimed(cell) as home:
        # What a run is worth is for the examiner to find out, once.
        setup = setup_from(cell.config, cell.trainer, watch.step, lambda model: {})
        if cell.source:
            setup = dataclasses.replace(setup, source=folder.cell(cell.source))
        examiner = Examiner(cell, home)
        for number, one in enumerate(cell.rounds):
            watch.begin(cell.key, one.name, number, len(cell.rounds))
            for found in run_rounds(setup, home, [one], cell.seeds):
                _write(folder.record(cell, one.name, found["seed"]), found, examiner)
        for number, round in enumerate(cell.barriers):
            watch.begin(cell.key, f"barrier at {round}", number, len(cell.barriers))
            write_barriers(setup, cell, folder, round, examiner.measure)


def _write(path: Path, found: dict[str, Any], examiner: Examiner) -> None:
    if path.exists():
        there = read_record(path)
        if all(there[name] == found[name] for name in ("config", "ticket")):
            return
    write_atomic(path, json.dumps(examiner.record(found), indent=1) + "\n")


class Examiner:
    """Puts the questions of dev to the models of a cell."""

    def __init__(self, cell: Cell, home: Path) -> None:
        model = cell.config.model
        self.data = data = tasks.load(cell.config.task.name, cell.config.task.folder, model.max_tokens)
        if data.task.regression:
            raise ConfigError(f"task.name is {data.task.name}; a grid's task has classes")
        self.cell, self.home = cell, home
        self.device = start(cell.config.run.device, 1).device
        self.dev = data.splits["dev"]
        self.dense = cache(self._dense)

    def record(self, found: dict[str, Any]) -> dict[str, Any]:
        """The record of a run, from its record in the search."""
        trained, seed = self._trained(found["round"], found["seed"]), found["seed"]
        labels = self.dev.labels[self.dev.known]
        dense = None if found["round"] == DENSE else self.dense(seed)
        return run_record(self.cell, found, trained, self._logits(trained), labels, dense)

    def measure(self, model: Model) -> dict[str, float | None]:
        """What a model's answers are worth."""
        logits = predict(model, self.dev.data, self.device)[self.dev.known]
        return measures(logits, self.dev.labels[self.dev.known], None)

    def _trained(self, round: str, seed: int) -> Ticket | SparseFloat:
        """What a round left: its ticket, or the float model, which has none."""
        path = self.home / f"seed-{seed}" / round
        if self.cell.config.model.kind == "integer":
            return load_ticket(path.with_name(f"{round}.ticket.safetensors"))
        model = initial(self.cell.config, self.data)
        Snapshot.read(path.with_name(f"{round}.safetensors")).restore(model)
        return cast(SparseFloat, model)

    def _logits(self, trained: Ticket | SparseFloat) -> np.ndarray:
        model = InhibitorTransformer.from_ticket(trained) if isinstance(trained, Ticket) else trained
        return predict(model, self.dev.data, self.device)[self.dev.known]

    def _dense(self, seed: int) -> np.ndarray | None:
        """What the dense model of this seed answers; None if the cell has none."""
        has = any(one.name == DENSE for one in self.cell.rounds)
        return self._logits(self._trained(DENSE, seed)) if has else None
