"""Carry out a run: train round after round, evaluate, check, checkpoint, and leave a ticket and a record."""

from __future__ import annotations

import dataclasses
import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from hwsim.errors import ConfigError
from hwsim.files import read_record, write_atomic
from hwsim.models import exact
from hwsim.models.float_model import FloatTransformer
from hwsim.models.integer_dot import DotTransformer
from hwsim.models.model import InhibitorTransformer
from hwsim.models.named import prefixed, under
from hwsim.models.pruning.plan import Round
from hwsim.models.pruning.rewind import Snapshot
from hwsim.models.runs import rounds, tasks
from hwsim.models.runs.config import RunConfig
from hwsim.models.runs.events import Events
from hwsim.models.runs.folder import RunFolder, device_name
from hwsim.models.runs.processes import Processes, start
from hwsim.models.tasks import TaskData
from hwsim.models.train import Training, TrainingSet, predict
from hwsim.ticket_file import load_ticket, save_ticket

Watch = Callable[[str, int, int], None]
"""Called with the name of the round, its steps done and all its steps."""

AGREE_EVERY = 10
"""Steps between two times that several processes ask each other whether one was interrupted."""


class Interrupted(KeyboardInterrupt):
    """The run was stopped and can be continued; the message says how."""


def execute(config: RunConfig, watch: Watch = lambda name, step, steps: None) -> dict[str, Any]:
    """Run to the end, or from the last checkpoint to the end; returns the record in metrics.json.

    A finished run is not run again. Raises Interrupted on Ctrl-C (or SIGTERM) once a checkpoint is written,
    ConfigError for a configuration that this machine or the task does not allow, InexactError if the
    training leaves the emulator's integers.
    """
    processes = start(config.run.device, config.training.shards)
    folder = RunFolder(config)
    with folder.claimed() if processes.rank == 0 else nullcontext():
        processes.wait()
        found = folder.result()
        if found is None:
            Runner(config, folder, processes, watch).run()
        # Not before all have seen whether there was a result, and the first has written it.
        processes.wait()
    return found or read_record(folder.metrics)


def build(config: RunConfig, task: TaskData) -> nn.Module:
    """The initial model, drawn from the seed; token rows from the task where it brings some."""
    architecture = config.model.architecture(task.vocabulary, task.task.classes)
    torch.manual_seed(config.seed)
    model: InhibitorTransformer | FloatTransformer
    if config.model.kind.startswith("integer"):
        made = DotTransformer if config.model.kind == "integer_dot" else InhibitorTransformer
        model = made(architecture)
        table = model.token.latent
    else:
        model = FloatTransformer(architecture, config.model.kind.removeprefix("float_"))
        table = model.token.weight
    if task.rows is not None:
        if task.rows.shape != table.shape:
            raise ConfigError(
                f"model.width is {config.model.width}; the task's token rows are {task.rows.shape}"
            )
        with torch.no_grad():
            table.copy_(torch.from_numpy(task.rows).float())
    if config.training.start and isinstance(model, InhibitorTransformer):
        model.begin_with(load_ticket(config.training.start))
    return model


class Runner:
    """One run in progress."""

    def __init__(self, config: RunConfig, folder: RunFolder, processes: Processes, watch: Watch) -> None:
        self.config, self.folder, self.processes, self.watch = config, folder, processes, watch
        self.task = tasks.load(config.task.name, config.task.folder, config.model.max_tokens)
        self.model = build(config, self.task)
        self.plan = rounds.plan(config.pruning)
        self.point: Snapshot | None = None
        """What later rounds rewind to."""
        self.round = 0
        self.seconds = 0.0
        """Of training before the last resumption."""
        self.started = time.monotonic()
        self.last: dict[str, Any] = {}
        """The last evaluation."""
        self.stop = False

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes."""
        return self.processes.rank == 0

    def run(self) -> None:
        """All rounds that are left, then the ticket and the record."""
        data = tasks.training_set(self.task, self.config)
        state = self.folder.load()
        if state is not None:
            self.round, self.seconds = int(state["round"]), float(state["seconds"])
            kept = under("rewind", state)
            self.point = Snapshot(kept) if kept else None
        with self._listening(), Events(self.first and self.config.run.tensorboard) as self.events:
            for number in range(self.round, len(self.plan)):
                self.round = number
                training = self._training(self.plan[self.round], data, state)
                self._resume_lines(training, state)
                state = None
                training.run(self._after_step)
        if self.first:
            self._finish(training)

    def _training(self, one: Round, data: TrainingSet, state: dict[str, Tensor] | None) -> Training:
        """The training of a round at its beginning, or where the checkpoint left it."""
        if state is None and isinstance(self.model, InhibitorTransformer):
            rounds.begin(one, self.model, self.config, self.point)
        begin = rounds.first_step(self.config, one)
        told = rounds.train_config(self.config, one)
        training = Training(self.model, data, told, self.processes.device, self.processes, begin)
        if max(begin, rounds.rewind_step(self.config) or 0) >= training.steps:
            raise ConfigError(
                f"pruning.rewind is {self.config.pruning.rewind}; training has {training.steps} steps"
            )
        if state is not None:
            training.restore(state)
        elif self.round == 0:
            self._keep_point(training)
        return training

    def _keep_point(self, training: Training) -> None:
        if self.round == 0 and training.step == rounds.rewind_step(self.config):
            self.point = Snapshot.of(self.model)

    def _total(self, training: Training) -> int:
        """Steps of the whole run so far, every round counted in full."""
        return self.round * training.steps + training.step

    def _resume_lines(self, training: Training, state: dict[str, Tensor] | None) -> None:
        """Forget evaluations that a checkpoint is older than; all of them if there is none."""
        if self.first and (state is not None or self.round == 0):
            self.folder.forget_after(self._total(training) if state is not None else -1)

    def _after_step(self, training: Training) -> None:
        run, step, end = self.config.run, training.step, training.step == training.steps
        self._keep_point(training)
        if step % 20 == 0 or end:
            self.watch(self.plan[self.round].name, step, training.steps)
        if exact.due(run.check_every, step, training.steps):
            exact.check(training)
        if self.first and (end or (run.eval_every and step % run.eval_every == 0)):
            self._evaluate(training)
        if self.first and (end or (run.save_every and step % run.save_every == 0)):
            self._save(training)
        agreed = self.processes.count == 1 or step % AGREE_EVERY == 0
        if agreed and self.processes.any(self.stop):
            if self.first:
                self._save(training)
            raise Interrupted(f"stopped after step {step}; continue with: hwsim train {self.folder.path}")

    def _measure(self, training: Training) -> dict[str, Any]:
        """Everything an evaluation says."""
        dev = self.task.splits["dev"]
        logits = predict(self.model, dev.data, training.device)
        return {
            "step": self._total(training),
            "round": self.plan[self.round].name,
            "round_step": training.step,
            "loss": float(training.loss),
            "rate": training.optimizer.param_groups[0]["lr"],
            "density": density(self.model),
            "dev": tasks.score(self.task.task, logits, dev.labels),
            "seconds": round(self._elapsed(), 3),
        }

    def _evaluate(self, training: Training) -> None:
        self.last = self._measure(training)
        self.folder.append(self.last)
        self.events.write(self.folder.tensorboard, self.last)

    def _elapsed(self) -> float:
        return self.seconds + time.monotonic() - self.started

    def _save(self, training: Training) -> None:
        state = training.state() | {
            "round": torch.tensor(self.round),
            "seconds": torch.tensor(self._elapsed(), dtype=torch.float64),
        }
        if self.point:
            state |= prefixed("rewind", self.point.tensors)
        self.folder.save(state)

    def _finish(self, training: Training) -> None:
        """Write the ticket, then the record."""
        config, task = self.config, self.task.task
        # A run that was stopped after its last step has not evaluated since it was resumed.
        last = self.last or self._measure(training)
        record: dict[str, Any] = {
            "config": config.digest(),
            "task": task.name,
            "model": config.model.kind,
            "method": config.pruning.method,
            "density": last["density"],
            "seed": config.seed,
            "rounds": len(self.plan),
            "steps": self._total(training),
            "dev": last["dev"],
            "seconds": round(self._elapsed(), 3),
            "device": device_name(training.device),
            "processes": self.processes.count,
            "ticket": None,
        }
        # What holds the twin's integers would be read, and answer, as an Inhibitor's.
        if training.integer is not None and not isinstance(training.integer, DotTransformer):
            fields = dataclasses.asdict(config)
            del fields["run"]
            ticket = training.integer.to_ticket(
                labels=task.labels,
                tokenizer=self.task.tokenizer,
                metrics={f"{task.name}_dev": last["dev"]["accuracy"]} if "accuracy" in last["dev"] else {},
                provenance={"command": "hwsim train", "config": fields, "hash": config.digest()},
            )
            save_ticket(ticket, self.folder.ticket)
            record["ticket"] = ticket.digest()
        write_atomic(self.folder.metrics, json.dumps(record, indent=2) + "\n")

    @contextmanager
    def _listening(self) -> Iterator[None]:
        """Ctrl-C and SIGTERM end the run after the step that is being made; a second one ends it at once."""

        def heard(number: int, frame: object) -> None:
            # A launcher passes on to its processes what the terminal has told them already.
            if self.stop and self.processes.count == 1:
                raise KeyboardInterrupt
            self.stop = True

        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, heard) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def density(model: nn.Module) -> float:
    """Non-zero share of the encoder's weights; 1 for a float model."""
    if not isinstance(model, InhibitorTransformer):
        return 1.0
    layers = [linear for _, linear in model.encoder()]
    kept = sum(int(torch.count_nonzero(linear.integers(linear.shift())[0])) for linear in layers)
    return kept / sum(linear.mask.numel() for linear in layers)
