"""Token row plus position row in PyTorch (golden: `hwsim.ops.embed`)."""

from __future__ import annotations

from torch import Tensor

from hwsim.models.ops.requantize import saturate


def embed(token: Tensor, position: Tensor, shift: int, bits: int = 16) -> Tensor:
    """saturate((token + position) * 2^shift, bits)."""
    return saturate((token + position) * 2.0**shift, bits)
