"""Rounding shift and symmetric saturation in PyTorch (golden: `hwsim.ops.requantize`)."""

from __future__ import annotations

import torch
from torch import Tensor

from hwsim.models.kernels.pieces import uses_triton
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
    return rescaled(acc, shift, bits)


def rescaled(acc: Tensor, shift: Shift, bits: int, x: Tensor | None = None) -> Tensor:
    """saturate(x + round_shift(acc, shift), bits); one kernel on a GPU, where a run has one shift."""
    if isinstance(shift, Tensor) and uses_triton(acc) and _fits(acc, shift, x):
        from hwsim.models.kernels.rescale import Rescale

        return Rescale.apply(acc, x, shift, largest(bits))
    found = round_shift(acc, shift)
    return saturate(found if x is None else x + found, bits)


def _fits(acc: Tensor, shift: Tensor, x: Tensor | None) -> bool:
    """Whether acc, and x, are float32 [runs, ...] with one shift for each run, or for all."""
    if acc.dtype != torch.float32 or (x is not None and (x.shape, x.dtype) != (acc.shape, acc.dtype)):
        return False
    return shift.numel() == 1 or (shift.ndim == acc.ndim and len(shift) == len(acc) == shift.numel())
