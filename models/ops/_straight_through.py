"""Exact integers forward, a useful gradient backward.

Tensors are float32 that hold integers below 2^24, so every sum and power-of-two scaling is exact; the
range proof (`hwsim.ranges`) is what allows it. Products may be taken in TensorFloat-32, which holds int8, but
nothing narrower.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor


class _Floor(torch.autograd.Function):
    """floor forward, identity backward (straight-through estimator, Bengio et al. 2013)."""

    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        return x.floor()

    @staticmethod
    def backward(ctx: object, *gradients: Tensor) -> Tensor:
        return gradients[0]


def floor(x: Tensor) -> Tensor:
    """floor(x) with the gradient of x."""
    return _Floor.apply(x)


def round_half_up(x: Tensor) -> Tensor:
    """floor(x + 1/2) with the gradient of x; for |x| < 2^22, where x + 1/2 is exact enough."""
    return floor(x + 0.5)


def exactly(value: Tensor, surrogate: Tensor) -> Tensor:
    """`value` forward, to the last bit; the gradient of `surrogate` backward."""
    return value.detach() + (surrogate - surrogate.detach())


class _PowerOfTwo(torch.autograd.Function):
    """2^exponent from the bits of a float, with the gradient of exp2."""

    @staticmethod
    def forward(ctx: Any, exponent: Tensor) -> Tensor:
        value = ((exponent.to(torch.int32) + 127) << 23).view(torch.float32)
        ctx.save_for_backward(value)
        return value

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (value,) = ctx.saved_tensors
        return gradients[0] * (value * math.log(2))


def power_of_two(exponent: Tensor) -> Tensor:
    """2^exponent for whole -126 <= exponent <= 127, exact on every device, which exp2 is not bound to be.

    The gradient is that of exp2.
    """
    return _PowerOfTwo.apply(exponent)
