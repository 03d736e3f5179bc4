"""What all rules share: the prunable weights, what their magnitude is, and exact counts.

Prunable are the encoder's linear layers. Token and position tables, biases, scales, deltas and the
classifier are never pruned.
"""

from __future__ import annotations

import hashlib
from typing import TypeAlias

import torch
from torch import Tensor

from hwsim.errors import ConfigError
from hwsim.models.float_sparse import MaskedLinear, Model
from hwsim.models.layers import IntegerLinear

Linear: TypeAlias = IntegerLinear | MaskedLinear


def layers(model: Model) -> list[tuple[str, Linear]]:
    """The prunable layers by name, in running order."""
    return list(model.encoder())


def densities(model: Model) -> dict[str, float]:
    """Kept share of every layer."""
    return {name: int(linear.mask.sum()) / linear.mask.numel() for name, linear in layers(model)}


def density(model: Model) -> float:
    """Kept share of all prunable weights."""
    masks = [linear.mask for _, linear in layers(model)]
    return sum(int(mask.sum()) for mask in masks) / sum(mask.numel() for mask in masks)


def density_all(model: Model) -> float:
    """Kept share of all matrices, tables and classifier included."""
    masks = [linear.mask for _, linear in layers(model)]
    matrices = sum(
        parameter.numel() for name, parameter in model.named_parameters() if name.endswith("latent")
    )
    pruned = sum(mask.numel() - int(mask.sum()) for mask in masks)
    return 1 - pruned / matrices


def count(density: float, weights: int) -> int:
    """How many of `weights` a density keeps: at least one. Raises ConfigError outside (0, 1]."""
    if not 0 < density <= 1:
        raise ConfigError(f"density is {density}; it lies in (0, 1]")
    return max(1, round(density * weights))


@torch.no_grad()
def magnitudes(linear: Linear, on: str) -> Tensor:
    """|weight| of a layer [outputs, inputs], of its latent or of its grid weights.

    "latent": the real weight that the optimiser sees. Every weight has its own rank. The cost: the ticket's
    file is not enough to prune further, 32 bits a weight must be kept beside it until the last round, and
    the integer model does not determine its own pruning.

    "grid": the whole number that the ticket holds. Any ticket can be pruned, and equal tickets alike. The
    cost: a grid has few magnitudes, so a cut runs through a crowd of equals and takes its members by lot.
    int8 has 127 magnitudes and int4 has 7 (and zero, which goes first). **Ternary has one, because its zeros
    are the mask: its grid magnitude ranks nothing, and pruning by it is pruning at random.**
    """
    if on == "latent":
        return linear.latent.abs()
    if on == "grid":
        return whole(linear).integers(whole(linear).shift())[0].abs()
    raise ConfigError(f"magnitude of {on!r} weights; choose latent or grid")


@torch.no_grad()
def comparable(linear: Linear, magnitude: Tensor, on: str) -> Tensor:
    """Magnitudes of different layers in one measure: units of each layer's learned scale, before
    that is rounded to a power of two.

    Without it a wide layer, whose weights start smaller by the root of its inputs, would lose them first.
    Grid weights are in steps already.
    """
    if on == "grid":
        return magnitude
    return magnitude * torch.exp2(whole(linear).shift.value + linear.up)


def whole(linear: Linear) -> IntegerLinear:
    """The layer, if it has integers. Raises ConfigError for one of a float model."""
    if isinstance(linear, MaskedLinear):
        raise ConfigError("a float model has neither grid nor scales; choose the rule magnitude")
    return linear


def largest(score: Tensor, kept: int, lot: Tensor | None = None) -> Tensor:
    """A bool mask of exactly `kept` largest elements of `score`, in its shape.

    Among equals the earlier one stays, or, with a permutation `lot` of all elements, the one drawn earlier.
    """
    # What is no number any more is largest, as it is for a sort.
    flat = score.flatten().nan_to_num(nan=torch.inf)
    drawn = flat if lot is None else flat[lot := lot.to(flat.device)]
    # Many times faster than a stable sort of all.
    least = drawn.kthvalue(drawn.numel() - kept + 1).values
    above, equal = drawn > least, drawn == least
    chosen = above | (equal & (equal.cumsum(0) <= kept - above.sum()))
    mask = chosen if lot is None else torch.zeros_like(chosen).index_put((lot,), chosen)
    return mask.view_as(score)


def stream(purpose: str, seed: int) -> torch.Generator:
    """Random numbers of their own for each purpose: the weights of a model drawn from the same seed must not
    come back in its masks. On the CPU, so that the device does not matter."""
    number = int.from_bytes(hashlib.sha256(f"{purpose} {seed}".encode()).digest()[:7], "big")
    return torch.Generator().manual_seed(number)


def lots(purpose: str, seed: int, weights: int) -> Tensor:
    """A permutation of 0..weights - 1."""
    return torch.randperm(weights, generator=stream(purpose, seed))


def refuse_growth(name: str, mask: Tensor, kept: int) -> None:
    """Raise ConfigError if a rule that only removes is asked for more weights than are left."""
    if kept > (left := int(mask.sum())):
        raise ConfigError(f"{name}: asked to keep {kept} of the {left} weights that are left; prune to less")
