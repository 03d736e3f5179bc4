"""Integer logits in PyTorch (golden: `hwsim.ops.classify`)."""

from __future__ import annotations

from torch import Tensor

from hwsim.models.ops.linear import linear


def classify(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """weight @ x + bias."""
    return linear(x, weight, bias)
