"""A search's setup from the configuration of a training run (`hwsim.models.runs.config`)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import cast

from hwsim.errors import ConfigError
from hwsim.metrics import divergence
from hwsim.models.float_sparse import Model, SparseFloat
from hwsim.models.model import InhibitorTransformer
from hwsim.models.pruning.gradual import GradualSchedule
from hwsim.models.pruning.plan import dense
from hwsim.models.pruning.rewind import Rewind
from hwsim.models.runs import rounds, tasks
from hwsim.models.runs.config import Pruning, RunConfig
from hwsim.models.runs.folder import device_name
from hwsim.models.runs.processes import start
from hwsim.models.runs.runner import build
from hwsim.models.search.fits import Course, Job, one_by_one, together
from hwsim.models.search.search import Setup
from hwsim.models.tasks import TaskData
from hwsim.models.train import predict
from hwsim.ticket import Ticket

TRAINERS: dict[str, Callable[[Course, Job], list[dict[str, float]]]] = {
    "together": together,
    "side_by_side": partial(together, size=1),
    "one_by_one": one_by_one,
}


def initial(config: RunConfig, data: TaskData) -> Model:
    """The model of the seed before its first step; a float one has the numbers of the integer one."""
    kind = config.model.kind
    whole = dataclasses.replace(config, model=dataclasses.replace(config.model, kind="integer"))
    model = cast(InhibitorTransformer, build(whole, data))
    return model if kind == "integer" else SparseFloat(model, kind.removeprefix("float_"))


Measure = Callable[[Model], dict[str, float]]
"""What a trained model is worth."""


def setup_from(
    config: RunConfig,
    trainer: str,
    progress: Callable[[int, int], None],
    measure: Measure | None = None,
) -> Setup:
    """The setup that `config` describes. Its seed, method and density give way to the search's.

    progress: called with (step, steps) during each training; measure: by default the task's metrics on dev.
    Raises ConfigError for an unknown trainer, and as the task's loading does.
    """
    if trainer not in TRAINERS:
        raise ConfigError(f"trainer {trainer!r}; choose one of {', '.join(TRAINERS)}")
    if config.model.kind == "integer_dot":
        raise ConfigError("model.kind is integer_dot; hwsim train trains it, a search does not")
    device = start(config.run.device, config.training.shards).device
    data = tasks.load(config.task.name, config.task.folder, config.model.max_tokens)
    dev = data.splits["dev"]
    said = tasks.teacher(config.distillation.logits).get("dev")

    def make(seed: int) -> Model:
        return initial(dataclasses.replace(config, seed=seed), data)

    def on_dev(model: Model) -> dict[str, float]:
        logits = predict(model, dev.data, device)
        found = tasks.score(data.task, logits, dev.labels)
        if said is not None and not data.task.regression:
            found["teacher_divergence"] = divergence(logits, said.logits)
        return found

    def ticket_of(model: InhibitorTransformer) -> Ticket:
        return model.to_ticket(
            labels=data.task.labels,
            tokenizer=data.tokenizer,
            provenance={"command": "hwsim search", "settings": settings},
        )

    pruning = config.pruning
    settings = f"{trainer} {dataclasses.replace(config, seed=0, pruning=Pruning()).digest()}"
    course = Course(
        training=tasks.training_set(data, config),
        config=rounds.train_config(config, dense([])[0]),
        measure=measure or on_dev,
        device=device,
        progress=progress,
        save_every=config.run.save_every,
        check_every=config.run.check_every,
    )
    return Setup(
        task=data.task.name,
        make=make,
        fit=partial(TRAINERS[trainer], course),
        settings=settings,
        rule=pruning.rule,
        rewind=Rewind.parse(pruning.rewind),
        gradual=GradualSchedule(1.0, pruning.start, pruning.end, pruning.every),
        device=device_name(device),
        kind=config.model.kind,
        ticket_of=ticket_of,
        tensorboard=config.run.tensorboard,
    )
