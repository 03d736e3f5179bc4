"""Inhibition in PyTorch (golden: `hwsim.ops.inhibit`)."""

from __future__ import annotations

from torch import Tensor

from hwsim.models.kernels.pieces import inhibit_sum
from hwsim.models.ops.requantize import Shift, requantize


def inhibit(v: Tensor, score: Tensor, shift: Shift, signed: bool = True, bits: int = 8) -> Tensor:
    """requantize(H, shift, bits); v [..., n, dh], score [..., n, n]."""
    return requantize(inhibit_sum(v, score, signed), shift, bits)
