"""Integer linear layer in PyTorch (golden: `hwsim.ops.linear`)."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """acc = x @ weight.T + bias on integers in float32; exact while every partial sum is below 2^24."""
    return functional.linear(x, weight) + bias
