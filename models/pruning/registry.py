"""Rules and methods by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from hwsim.errors import ConfigError
from hwsim.models.float_sparse import Model
from hwsim.models.pruning import controls, strong
from hwsim.models.pruning.fine_tuned import pruned_finetuned
from hwsim.models.pruning.gradual import gradual
from hwsim.models.pruning.grid_rewind import grid_rewind
from hwsim.models.pruning.iterative import iterative
from hwsim.models.pruning.long_dense import long_dense
from hwsim.models.pruning.magnitude import magnitude
from hwsim.models.pruning.n_m import n_m
from hwsim.models.pruning.one_shot import one_shot
from hwsim.models.pruning.plan import Round, dense
from hwsim.models.pruning.random_masks import random_global, random_layerwise
from hwsim.models.pruning.small_dense import small_dense
from hwsim.models.pruning.transfer import transfer


class Rule(Protocol):
    """Sets a model's masks to a density."""

    def __call__(self, model: Model, density: float, *, seed: int) -> None: ...


Method = Callable[[Sequence[float]], list[Round]]
"""The trainings that lead to these densities."""

RULES: dict[str, Rule] = {
    "magnitude": magnitude,
    "magnitude_global": partial(magnitude, scope="global"),
    "grid_magnitude": partial(magnitude, on="grid"),
    "grid_magnitude_global": partial(magnitude, on="grid", scope="global"),
    "n_m": n_m,
    "n_m_8": partial(n_m, group=8),
    "random": random_layerwise,
    "random_global": random_global,
}
METHODS: dict[str, Method] = {
    "dense": dense,
    "one_shot": one_shot,
    "gradual": gradual,
    "iterative": iterative,
    "random": controls.random,
    "random_global": controls.random_global,
    "shuffle": controls.shuffled,
    "reinit": controls.reinitialised,
    "sign": controls.signs_kept,
    "magnitude": controls.magnitudes_kept,
    "small_dense": small_dense,
    "long_dense": long_dense,
    "pruned_finetuned": pruned_finetuned,
    "grid_rewind": grid_rewind,
    "transfer": transfer,
    "edge_popup": strong.edge_popup,
    "signed_supermask": strong.signed_supermask,
}


def rule_named(name: str) -> Rule:
    """A pruning rule. Raises ConfigError with the names there are."""
    if name not in RULES:
        raise ConfigError(f"pruning rule {name!r}; choose one of {', '.join(RULES)}")
    return RULES[name]


def method_named(name: str) -> Method:
    """A search method. Raises ConfigError with the names there are."""
    if name not in METHODS:
        raise ConfigError(f"search method {name!r}; choose one of {', '.join(METHODS)}")
    return METHODS[name]
