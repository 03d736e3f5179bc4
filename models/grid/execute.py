"""Run a cell: round after round through its search, and a record for each run; nothing is made twice."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
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
from hwsim.models.grid.inputs import check
from hwsim.models.grid.records import measures, run_record
from hwsim.models.model import InhibitorTransformer
from hwsim.models.pruning.plan import DENSE
from hwsim.models.pruning.rewind import Snapshot
from hwsim.models.runs import tasks
from hwsim.models.runs.processes import start
from hwsim.models.search import run_rounds
from hwsim.models.search.from_config import initial, setup_from
from hwsim.models.stacked.answers import answers
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
    ConfigError if another process is running the cell, or as `check`, `run_rounds` and the task's loading do.
    """
    folder = GridFolder(out)
    check([cell], folder)
    with folder.claimed(cell) as home:
        # What a run is worth is for the examiner to find out, once.
        setup = setup_from(cell.config, cell.trainer, watch.step, lambda model: {})
        if cell.source:
            setup = dataclasses.replace(setup, source=folder.cell(cell.source))
        examiner = Examiner(cell, home)
        for number, one in enumerate(cell.rounds):
            watch.begin(cell.key, one.name, number, len(cell.rounds))
            found = run_rounds(setup, home, [one], cell.seeds)
            _write([folder.record(cell, one.name, seed) for seed in cell.seeds], found, examiner)
        for number, round in enumerate(cell.barriers):
            watch.begin(cell.key, f"barrier at {round}", number, len(cell.barriers))
            write_barriers(setup, cell, folder, round, examiner.measure)


def _write(paths: Sequence[Path], found: Sequence[dict[str, Any]], examiner: Examiner) -> None:
    missing = {path: one for path, one in zip(paths, found, strict=True) if not _written(path, one)}
    for path, record in zip(missing, examiner.records(list(missing.values())), strict=True):
        write_atomic(path, json.dumps(record, indent=1) + "\n")


def _written(path: Path, found: dict[str, Any]) -> bool:
    if not path.exists():
        return False
    there = read_record(path)
    return all(there[name] == found[name] for name in ("config", "ticket"))


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
        said = tasks.teacher(cell.config.distillation.logits).get("dev")
        self.said = None if said is None else said.logits[self.dev.known].astype(np.float32)
        self.dense = cache(self._dense)

    def records(self, found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """The records of runs of one round, from their records in the search."""
        labels = self.dev.labels[self.dev.known]
        trained = [self._trained(one["round"], one["seed"]) for one in found]
        return [
            run_record(
                self.cell,
                one,
                its,
                logits,
                labels,
                None if one["round"] == DENSE else self.dense(one["seed"]),
                self.said,
            )
            for one, its, logits in zip(found, trained, self._logits(trained), strict=True)
        ]

    def measure(self, models: Sequence[Model]) -> list[dict[str, float | None]]:
        """What the answers of models of one kind are worth."""
        labels = self.dev.labels[self.dev.known]
        return [measures(logits, labels) for logits in self._answers(models)]

    def _trained(self, round: str, seed: int) -> Ticket | SparseFloat:
        """What a round left: its ticket, or the float model, which has none."""
        path = self.home / f"seed-{seed}" / round
        if self.cell.config.model.kind == "integer":
            return load_ticket(path.with_name(f"{round}.ticket.safetensors"))
        model = initial(self.cell.config, self.data)
        Snapshot.read(path.with_name(f"{round}.safetensors")).restore(model)
        return cast(SparseFloat, model)

    def _logits(self, trained: Sequence[Ticket | SparseFloat]) -> list[np.ndarray]:
        return self._answers(
            [InhibitorTransformer.from_ticket(one) if isinstance(one, Ticket) else one for one in trained]
        )

    def _answers(self, models: Sequence[Model]) -> list[np.ndarray]:
        """Logits of models of one kind; floats one by one: their rounding depends on who is beside them."""
        whole = [model for model in models if isinstance(model, InhibitorTransformer)]
        if whole:
            found = list(answers(whole, self.dev.data, self.device))
        else:
            found = [predict(model, self.dev.data, self.device) for model in models]
        return [logits[self.dev.known] for logits in found]

    def _dense(self, seed: int) -> np.ndarray | None:
        """What the dense model of this seed answers; None if the cell has none."""
        has = any(one.name == DENSE for one in self.cell.rounds)
        return self._logits([self._trained(DENSE, seed)])[0] if has else None
