"""Pruning: which weights go (rules), when they go and where training goes on (methods), and controls."""

from hwsim.models.pruning.controls import reinitialise, reset_magnitudes, reset_signs
from hwsim.models.pruning.gradual import cubic_density, prune_by_magnitude
from hwsim.models.pruning.magnitude import magnitude
from hwsim.models.pruning.n_m import n_m
from hwsim.models.pruning.plan import Round, ladder
from hwsim.models.pruning.random_masks import random_global, random_layerwise, shuffle
from hwsim.models.pruning.registry import METHODS, RULES, method_named, rule_named
from hwsim.models.pruning.rewind import Rewind, Snapshot, same
from hwsim.models.pruning.strong import StrongLinear, strengthen, strong_ticket
from hwsim.models.pruning.weights import densities, density

__all__ = [
    "METHODS",
    "RULES",
    "Rewind",
    "Round",
    "Snapshot",
    "StrongLinear",
    "cubic_density",
    "densities",
    "density",
    "ladder",
    "magnitude",
    "method_named",
    "n_m",
    "prune_by_magnitude",
    "random_global",
    "random_layerwise",
    "reinitialise",
    "reset_magnitudes",
    "reset_signs",
    "rule_named",
    "same",
    "shuffle",
    "strengthen",
    "strong_ticket",
]
