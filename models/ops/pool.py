"""Sum over the real tokens in PyTorch (golden: `hwsim.ops.pool`)."""

from __future__ import annotations

from torch import Tensor


def pool(x: Tensor, mask: Tensor) -> Tensor:
    """sum over real tokens; x [..., n, d], mask bool [..., n]."""
    return x.masked_fill(~mask[..., None], 0).sum(-2)
