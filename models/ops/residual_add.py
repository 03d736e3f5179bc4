"""Residual addition in PyTorch (golden: `hwsim.ops.residual_add`)."""

from __future__ import annotations

from torch import Tensor

from hwsim.models.ops.requantize import Shift, rescaled


def residual_add(x: Tensor, acc: Tensor, shift: Shift, bits: int = 16) -> Tensor:
    """saturate(x + round_shift(acc, shift), bits)."""
    return rescaled(acc, shift, bits, x)
