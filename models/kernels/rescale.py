"""Requantisation and residual addition as one kernel each way: elementwise, so that memory is all they cost.

The operators of `hwsim.models.ops` define them; in these steps they read and write the tensor six times
forward and nine times backward.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from triton.language import constexpr

BLOCK = 2048
"""Elements of a program."""


@triton.jit
def power_of_two(exponent):
    """2^exponent, exact, for whole -126 <= exponent <= 127."""
    return ((exponent + 127) << 23).to(tl.float32, bitcast=True)


@triton.jit
def rounded(acc, shift):
    """((acc + half) / 2^shift before it is rounded down, 2^-shift); shift: int32."""
    half = tl.where(shift > 0, power_of_two(shift - 1), 0.0)
    scale = power_of_two(-shift)
    return (acc + half) * scale, scale


@triton.jit
def computed(acc, x, shifts, size, block: constexpr, adds: constexpr):
    """This program's places, which of them there are, `rounded` there, and x + round_shift(acc, shift).

    A run is `size` elements and has one shift. Places are int64: the one run of a large model may have more
    than 2^31 elements.
    """
    run = tl.program_id(1).to(tl.int64)
    at = tl.program_id(0).to(tl.int64) * block + tl.arange(0, block)
    inside, at = at < size, run * size + at
    real, scale = rounded(tl.load(acc + at, mask=inside, other=0.0), tl.load(shifts + run).to(tl.int32))
    found = tl.floor(real)
    if adds:
        found += tl.load(x + at, mask=inside, other=0.0)
    return at, inside, real, scale, found


@triton.jit
def forward_kernel(acc, x, shifts, out, size, limit, block: constexpr, adds: constexpr):
    """out = clamp(x + round_shift(acc, shift), -limit, limit)."""
    at, inside, _, _, found = computed(acc, x, shifts, size, block, adds)
    tl.store(out + at, tl.minimum(tl.maximum(found, -limit), limit), mask=inside)


@triton.jit
def backward_kernel(
    gradient, acc, x, shifts, dacc, dx, parts, size, limit, block: constexpr, adds: constexpr
):  # fmt: skip
    """Gradients of acc and x, and this program's part of the sum that the shift's is made of."""
    at, inside, real, scale, found = computed(acc, x, shifts, size, block, adds)
    passes = inside & (found >= -limit) & (found <= limit)
    g = tl.where(passes, tl.load(gradient + at, mask=inside, other=0.0), 0.0)
    tl.store(dacc + at, g * scale, mask=inside)
    if adds:
        tl.store(dx + at, g, mask=inside)
    # d(2^-shift) = -ln 2 * 2^-shift dshift
    part = tl.program_id(1).to(tl.int64) * tl.num_programs(0) + tl.program_id(0)
    tl.store(parts + part, tl.sum(g * real) * -0.6931471805599453)


class Rescale(torch.autograd.Function):
    """clamp(x + round_shift(acc, shift), -limit, limit) for float32 tensors [runs, ...]; x may be None."""

    @staticmethod
    def forward(ctx: Any, acc: Tensor, x: Tensor | None, shift: Tensor, limit: int) -> Tensor:
        """shift: float, whole numbers, one a run."""
        acc, x, shift = acc.contiguous(), None if x is None else x.contiguous(), shift.contiguous()
        out = torch.empty_like(acc)
        grid, size = _grid(acc, shift)
        forward_kernel[grid](
            acc, acc if x is None else x, shift, out, size, float(limit), block=BLOCK, adds=x is not None
        )
        ctx.save_for_backward(acc, x, shift)
        ctx.limit = limit
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        acc, x, shift = ctx.saved_tensors
        dacc, dx = torch.empty_like(acc), None if x is None else torch.empty_like(acc)
        grid, size = _grid(acc, shift)
        parts = acc.new_empty(grid[1], grid[0])
        backward_kernel[grid](
            gradients[0].contiguous(), acc, acc if x is None else x, shift, dacc, acc if dx is None else dx,
            parts, size, float(ctx.limit), block=BLOCK, adds=x is not None,
        )  # fmt: skip
        return dacc, dx, parts.sum(1).view_as(shift), None


def _grid(acc: Tensor, shift: Tensor) -> tuple[tuple[int, int], int]:
    """(programs for each run, runs), and a run's elements."""
    size = acc.numel() // shift.numel()
    return (triton.cdiv(size, BLOCK), shift.numel()), size
