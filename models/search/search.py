"""Run a method's rounds for some seeds, each round a training; written down, so that a search can be resumed.

    FOLDER/search.json                        what all rounds share, and its hash
    FOLDER/iterative-0.640000.unfinished/     checkpoints of a round that is being trained
    FOLDER/tensorboard/iterative-0.640000/seed-0/   its losses and metrics as TensorBoard events
    FOLDER/seed-0/rewind.safetensors          the weights that are rewound to
    FOLDER/seed-0/iterative-0.640000.json     the record of a round, written last: it is there, or nothing is
    FOLDER/seed-0/iterative-0.640000.safetensors          the model as trained
    FOLDER/seed-0/iterative-0.640000.ticket.safetensors   its integers

Methods share a folder and what they have in common: one dense training serves them all, and the controls
find the tickets of iterative pruning where that left them.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from hwsim.errors import ConfigError
from hwsim.files import read_record, write_atomic
from hwsim.models.float_sparse import Model, SparseFloat
from hwsim.models.model import InhibitorTransformer
from hwsim.models.pruning.controls import CHANGES
from hwsim.models.pruning.gradual import GradualSchedule
from hwsim.models.pruning.plan import DENSE, Round
from hwsim.models.pruning.random_masks import shuffle
from hwsim.models.pruning.registry import method_named, rule_named
from hwsim.models.pruning.rewind import Rewind, Snapshot
from hwsim.models.pruning.small_dense import shrink
from hwsim.models.pruning.strong import KINDS, strengthen
from hwsim.models.pruning.transfer import take_over
from hwsim.models.pruning.weights import densities as layerwise
from hwsim.models.pruning.weights import density as kept_share
from hwsim.models.pruning.weights import density_all as kept_of_all
from hwsim.models.runs.events import Events
from hwsim.models.search.fits import Fit, Job
from hwsim.ticket import Ticket
from hwsim.ticket_file import save_ticket

Report = Callable[[str, int, int], None]
"""(round, its number, of how many), before each round."""


@dataclass(frozen=True)
class Setup:
    """Everything about a search but the method, the densities and the seeds."""

    task: str
    make: Callable[[int], Model]
    """The initial model of a seed."""
    fit: Fit
    settings: str
    """A hash of what `make` and `fit` do: task, sizes, schedule, data."""
    rule: str = "magnitude"
    rewind: Rewind = field(default_factory=Rewind)
    gradual: GradualSchedule = field(default_factory=lambda: GradualSchedule(1.0))
    """Its timing; the density is each round's."""
    device: str = "cpu"
    """What a record says about the machine."""
    kind: str = "integer"
    """What a record says about the model."""
    ticket_of: Callable[[InhibitorTransformer], Ticket] = InhibitorTransformer.to_ticket
    tensorboard: bool = False
    """Whether TensorBoard events are written."""
    source: Path | None = None
    """The folder of the search whose tickets are transferred."""

    def shared(self) -> dict[str, Any]:
        """What must agree between all rounds of a folder."""
        timing = [self.gradual.begin, self.gradual.until, self.gradual.every]
        fields: dict[str, Any] = {"task": self.task, "settings": self.settings, "rule": self.rule}
        fields |= {"rewind": str(self.rewind), "gradual": timing}
        text = json.dumps(fields, sort_keys=True)
        return fields | {"config": hashlib.sha256(text.encode()).hexdigest()[:12]}


def search(
    setup: Setup,
    folder: Path,
    method: str,
    densities: Sequence[float],
    seeds: Sequence[int],
    report: Report = lambda name, number, count: None,
) -> list[dict[str, Any]]:
    """Run `method` to these densities; returns the records, round by round and in each by seed.

    Raises ConfigError for an unknown name, and as `run_rounds` does.
    """
    return run_rounds(setup, folder, method_named(method)(densities), seeds, report)


def run_rounds(
    setup: Setup,
    folder: Path,
    rounds: Sequence[Round],
    seeds: Sequence[int],
    report: Report = lambda name, number, count: None,
) -> list[dict[str, Any]]:
    """Run these rounds, each of which comes after the one it begins with; returns their records.

    Rounds whose records exist already are not run again, and give the same results for those that follow.
    Raises ConfigError for an unknown rule, a folder of another search, or a rewind step beyond the training.
    """
    rule_named(setup.rule)
    if len(set(seeds)) < len(seeds) or not seeds:
        raise ConfigError(f"seeds {list(seeds)}; give one or more different ones")
    shared = _claim(folder, setup.shared())
    records = []
    for number, one in enumerate(rounds):
        report(one.name, number, len(rounds))
        homes = {seed: folder / f"seed-{seed}" for seed in seeds}
        missing = [seed for seed in seeds if _record(homes[seed], one) is None]
        if missing:
            _run(setup, one, missing, folder, homes, shared["config"])
        records += [read_record(homes[seed] / f"{one.name}.json") for seed in seeds]
    return records


def _claim(folder: Path, shared: dict[str, Any]) -> dict[str, Any]:
    path = folder / "search.json"
    if not path.exists():
        write_atomic(path, json.dumps(shared, indent=2))
    found = read_record(path)
    for name, value in shared.items():
        if found.get(name) != value:
            raise ConfigError(f"{folder} is a search with {name} {found.get(name)}, not {value}; use another")
    return shared


def _record(home: Path, one: Round) -> dict[str, Any] | None:
    """The round's record, if it is there and came from the same earlier round."""
    path = home / f"{one.name}.json"
    if not path.exists():
        return None
    record = read_record(path)
    if record["after"] != one.after:
        raise ConfigError(
            f"{path} was pruned from {record['after']}, not from {one.after}; use another folder"
        )
    return record


def _run(
    setup: Setup, one: Round, seeds: Sequence[int], folder: Path, homes: dict[int, Path], config: str
) -> None:
    """Prepare, train and write down one round for all `seeds` at once."""
    models = [prepare(setup, one, seed, homes[seed]) for seed in seeds]
    schedule = GradualSchedule(one.density, setup.gradual.begin, setup.gradual.until, setup.gradual.every)

    total = 0

    def watch(run: int, step: int, steps: int) -> None:
        nonlocal total
        total = steps
        if setup.rewind.step >= steps:
            raise ConfigError(f"pruning.rewind is {setup.rewind}; training has {steps} steps")
        if one.name == DENSE and step == setup.rewind.step:
            Snapshot.of(models[run]).save(homes[seeds[run]] / "rewind.safetensors")
        if one.prune == "gradual":
            schedule(models[run], step, steps)

    started = time.monotonic()
    first_step = setup.rewind.step if one.after and one.rewinds else 0
    unfinished = folder / f"{one.name}.unfinished"
    unfinished.mkdir(exist_ok=True)
    lines = [folder / "tensorboard" / one.name / f"seed-{seed}" for seed in seeds]
    with Events(setup.tensorboard) as events:

        def note(run: int, step: int, loss: float) -> None:
            events.write(lines[run], {"step": step, "loss": loss})

        metrics = setup.fit(Job(models, seeds, first_step, watch, unfinished, one.trainings, note))
        for line, found in zip(lines, metrics, strict=True):
            events.write(line, {"step": total, "dev": found})
    seconds = (time.monotonic() - started) / len(seeds)
    for model, seed, found in zip(models, seeds, metrics, strict=True):
        home = homes[seed]
        Snapshot.of(model).save(home / f"{one.name}.safetensors")
        ticket = None
        if isinstance(model, InhibitorTransformer):
            ticket = setup.ticket_of(model)
            save_ticket(ticket, home / f"{one.name}.ticket.safetensors")
        record = {
            "task": setup.task,
            "model": setup.kind,
            "method": one.method,
            "round": one.name,
            "after": one.after,
            "rung": one.density,
            "density": kept_share(model),
            "densities": layerwise(model),
            "density_integer": ticket.density if ticket else kept_share(model),
            "density_all": ticket.density_all if ticket else kept_of_all(model),
            "digits": ticket.digits if ticket else None,
            "seed": seed,
            "rule": setup.rule,
            "rewind": str(setup.rewind),
            "metrics": found,
            "config": config,
            "ticket": ticket.digest() if ticket else None,
            "steps": total - first_step,
            "together": len(seeds),
            "seconds": round(seconds, 3),
            "device": setup.device,
        }
        write_atomic(home / f"{one.name}.json", json.dumps(record, indent=2))
    shutil.rmtree(unfinished)


def prepare(setup: Setup, one: Round, seed: int, home: Path) -> Model:
    """The model with which a round's training begins. Raises ConfigError for what a float model has not."""
    model = setup.make(seed)
    if isinstance(model, SparseFloat) and one.prune in (*KINDS, "small"):
        raise ConfigError(f"method {one.method} makes integer models; model.kind is {setup.kind}")
    if isinstance(model, InhibitorTransformer) and one.prune in KINDS:
        return strengthen(model, one.prune, one.density, seed)
    if isinstance(model, InhibitorTransformer) and one.prune == "small":
        return shrink(model, one.density, seed)
    if one.prune == "transfer":
        take_over(model, setup.source, one.density, seed)
    if one.after is None:
        return model
    Snapshot.read(home / f"{one.after}.safetensors").restore(model)
    masks: dict[str, Callable[[], None]] = {
        "rule": partial(rule_named(setup.rule), model, one.density, seed=seed),
        "random": partial(rule_named("random"), model, one.density, seed=seed),
        "random_global": partial(rule_named("random_global"), model, one.density, seed=seed),
        "shuffle": partial(shuffle, model, seed=seed),
        "none": lambda: None,
    }
    masks[one.prune]()
    if setup.rewind.weights and one.rewinds:
        Snapshot.read(home / "rewind.safetensors").rewind(model)
    if one.change != "none":
        CHANGES[one.change](model, seed=seed)
    return model
