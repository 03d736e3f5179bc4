"""Rounding shift and symmetric saturation in PyTorch (golden: `hwsim.ops.requantize`)."""

from __future__ import annotations

from torch import Tensor

from hwsim.models.ops._straight_through import floor, power_of_two
from hwsim.ops import largest

Shift = int | Tensor
"""A whole number, or a float tensor holding whole numbers (a learned shift)."""


def round_shift(x: Tensor, shift: Shift) -> Tensor:
    """floor((x + 2^(s-1)) / 2^s), half up; |x| + 2^(s-1) < 2^24. Differentiable in x and a learned shift."""
    if isinstance(shift, Tensor):
        half = power_of_two(shift.detach() - 1).floor()
        return floor((x + half) * power_of_two(-shift))
    return floor((x + ((1 << shift) >> 1)) * 2.0**-shift)


def saturate(x: Tensor, bits: int) -> Tensor:
    """Clamp to -M(bits)..M(bits); no gradient outside."""
    limit = largest(bits)
    return x.clamp(-limit, limit)


def requantize(acc: Tensor, shift: Shift, bits: int = 8) -> Tensor:
    """saturate(round_shift(acc, shift), bits)."""
    return saturate(round_shift(acc, shift), bits)
