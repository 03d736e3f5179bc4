"""The trainings of one run: one, or a training a pruning round (`hwsim.models.pruning`)."""

from __future__ import annotations

from itertools import pairwise

from hwsim.models.model import InhibitorTransformer
from hwsim.models.pruning.gradual import GradualSchedule
from hwsim.models.pruning.plan import Round, dense, ladder
from hwsim.models.pruning.registry import method_named, rule_named
from hwsim.models.pruning.rewind import Rewind, Snapshot
from hwsim.models.runs.config import Pruning, RunConfig
from hwsim.models.train import TrainConfig


def plan(pruning: Pruning) -> list[Round]:
    """The rounds, each of which goes on from the one before it or from the initial model."""
    if pruning.method == "none":
        return dense([])
    densities = [pruning.density]
    if pruning.method == "iterative":
        # The last round reaches the density asked for exactly.
        densities = [max(rung, pruning.density) for rung in ladder(pruning.density, pruning.keep)]
    rounds = method_named(pruning.method)(densities)
    assert all(later.after in (None, earlier.name) for earlier, later in pairwise(rounds))
    return rounds


def train_config(config: RunConfig, one: Round) -> TrainConfig:
    """What the training loop is told for one round."""
    training, pruning = config.training, config.pruning
    gradual = GradualSchedule(one.density, pruning.start, pruning.end, pruning.every)
    return TrainConfig(
        epochs=training.epochs,
        batch=training.batch,
        shards=training.shards,
        rate=training.rate,
        scale_rate=training.scale_rate,
        weight_decay=training.weight_decay,
        distill=config.distillation.weight,
        temperature=config.distillation.temperature,
        hidden=config.distillation.hidden,
        # Where ids are numbers none of them means "unknown": another number would only make the labels wrong.
        word_dropout=training.word_dropout if config.task.words else 0.0,
        gradual=gradual if one.prune == "gradual" else None,
        seed=config.seed,
    )


def rewind_step(config: RunConfig) -> int | None:
    """The step of the first round whose weights the later rounds need; None if they need none."""
    point = Rewind.parse(config.pruning.rewind)
    return point.step if point.weights and len(plan(config.pruning)) > 1 else None


def first_step(config: RunConfig, one: Round) -> int:
    """Where in the schedule a round begins."""
    return Rewind.parse(config.pruning.rewind).step if one.after else 0


def begin(one: Round, model: InhibitorTransformer, config: RunConfig, point: Snapshot | None) -> None:
    """Prune the model that the round before left, then rewind what survives to `point`."""
    rule = {"rule": config.pruning.rule, "random": "random", "random_global": "random_global"}.get(one.prune)
    if rule:
        rule_named(rule)(model, one.density, seed=config.seed)
    if one.after and point:
        point.rewind(model)
