"""How far a student's normed states are from a teacher's, token by token: one kernel each way.

`hwsim.models.distill.whole` defines it. The teacher's states are brought into the student's basis on the way
and nothing of that is kept.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from triton.language import constexpr

from hwsim.models.kernels.divide import by_rows, places

LEAST = constexpr(1e-6)
"""Of a mean magnitude that divides."""


@triton.jit
def difference(found, state, mean, spread, at, inside, unit, level, width: constexpr, columns: constexpr):
    """found / unit minus the state: features centred, over their spread, of mean magnitude `level`."""
    column = tl.arange(0, columns)
    real = column < width
    centre = tl.load(mean + column, mask=real, other=0.0)
    scale = tl.load(spread + column, mask=real, other=1.0)
    x = tl.load(state + at, mask=inside, other=0.0).to(tl.float32)
    x = tl.where(inside, (x - centre[None, :]) / scale[None, :], 0.0)
    size = tl.maximum(tl.sum(tl.abs(x), 1) / width, LEAST)
    return tl.load(found + at, mask=inside, other=0.0) / unit - x * (level / size)[:, None]


@triton.jit
def forward_kernel(
    found, state, mean, spread, out, count, unit, level, width: constexpr, rows: constexpr, columns: constexpr
):  # fmt: skip
    """out [count]: the mean squared difference of each token."""
    row, at, inside = places(count, width, rows, columns)
    x = difference(found, state, mean, spread, at, inside, unit, level, width, columns)
    tl.store(out + row, tl.sum(x * x, 1) / width, mask=row < count)


@triton.jit
def backward_kernel(
    gradient, found, state, mean, spread, dfound, count, unit, level, width: constexpr, rows: constexpr,
    columns: constexpr,
):  # fmt: skip
    """The gradient of `found`."""
    row, at, inside = places(count, width, rows, columns)
    x = difference(found, state, mean, spread, at, inside, unit, level, width, columns)
    g = tl.load(gradient + row, mask=row < count, other=0.0) * (2.0 / width / unit)
    tl.store(dfound + at, x * g[:, None], mask=inside)


class Nearness(torch.autograd.Function):
    """Mean squared differences [...] of states [..., width]."""

    @staticmethod
    def forward(
        ctx: Any, found: Tensor, state: Tensor, mean: Tensor, spread: Tensor, unit: float, level: float
    ) -> Tensor:
        """found: float32, whole numbers in units of 1 / unit; state: the teacher's, as many elements, of any
        float kind; mean, spread: float32 [width]; level: the mean magnitude that a student's state has."""
        found, state = found.contiguous(), state.contiguous()
        out = found.new_empty(found.shape[:-1])
        grid, sizes = by_rows(found)
        ctx.scale = unit, level
        ctx.save_for_backward(found, state, mean, spread)
        forward_kernel[grid](found, state, mean, spread, out, out.numel(), *ctx.scale, **sizes)
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        found, state, mean, spread = ctx.saved_tensors
        dfound, g = torch.empty_like(found), gradients[0].contiguous()
        grid, sizes = by_rows(found)
        backward_kernel[grid](g, found, state, mean, spread, dfound, g.numel(), *ctx.scale, **sizes)
        return dfound, None, None, None, None, None
