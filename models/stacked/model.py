"""Many models as one module, whose forward pass is the single model's own code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar, cast

from torch import nn

from hwsim.errors import ConfigError
from hwsim.models.float_sparse import Model, SparseFloat
from hwsim.models.layers import IntegerClassifier, IntegerLinear, IntegerTable, LearnedShift
from hwsim.models.model import InhibitorTransformer
from hwsim.models.stacked.layers import (
    StackedClassifier,
    StackedLinear,
    StackedPositions,
    StackedShift,
    StackedTokens,
    pile,
)
from hwsim.ticket import LINEARS

Stackable = TypeVar("Stackable", InhibitorTransformer, SparseFloat, Model)


def stack(models: Sequence[Stackable]) -> Stackable:
    """One module for token_ids and mask [runs, batch, n], giving logits [runs, batch, classes].

    `models` have one configuration and one kind of linear layers, and stay alive: their tensors become views
    of the stack's, so that `models[i].to_ticket()` is run i at any time, pruning `models[i]` prunes run i.
    Do not move them to another device or dtype afterwards. Raises ConfigError for models that differ.
    """
    if not models:
        raise ConfigError("there are no models to stack")
    for model in models[1:]:
        if model.config != models[0].config or kinds(model) != kinds(models[0]):
            raise ConfigError("only models of one configuration and one kind of layers can be stacked")
    made = pile(models)
    if isinstance(made, InhibitorTransformer):
        _swap(made)
    # The parts of a float model take stacked tensors as they are.
    return cast(Stackable, made)


def _swap(made: InhibitorTransformer) -> None:
    """Put what computes with stacked tensors in the place of the parts of one model."""
    swap = cast(nn.Module, made)
    swap.token = StackedTokens(cast(IntegerTable, made.token))
    swap.position = StackedPositions(cast(IntegerTable, made.position))
    swap.classifier = StackedClassifier(cast(IntegerClassifier, made.classifier))
    for block in made.encoder_blocks():
        for name in LINEARS:
            setattr(block, name, StackedLinear(cast(IntegerLinear, getattr(block, name))))
        for name in ("score_shift", "inhibit_shift"):
            setattr(block, name, StackedShift(cast(LearnedShift, getattr(block, name))))


def kinds(model: Model) -> list[object]:
    """What must agree for layers to be computed together: class, and what a strong one does with scores."""
    options = ("kept", "signed")
    layers = [(type(x), *(getattr(x, name, None) for name in options)) for _, x in model.encoder()]
    return [*model.state_dict(), *layers]
