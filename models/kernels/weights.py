"""A layer's weights and biases as integers, and a learned shift as a whole number: one kernel each way.

`hwsim.models.layers` defines them. They are small tensors that take some thirty steps, and to begin a kernel
takes a GPU longer than to change ten thousand numbers.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from triton.language import constexpr

from hwsim.models.kernels.rescale import power_of_two

BLOCK = 1024
"""Elements of a program."""


@triton.jit
def integers_kernel(
    latent, mask, bias, shifts, weight, whole_bias, size, outputs, up, unit, limit, block: constexpr,
    signs: constexpr,
):  # fmt: skip
    """A run's weights [size], then in the programs behind its biases [outputs]."""
    run, program = tl.program_id(1).to(tl.int64), tl.program_id(0)
    scale = power_of_two(tl.load(shifts + run).to(tl.int32) + up)
    at = program * block + tl.arange(0, block)
    inside, own = at < size, run * size + at
    real = tl.load(latent + own, mask=inside, other=0.0)
    if signs:
        found = tl.where(real >= 0, 1.0, -1.0)
    else:
        found = tl.minimum(tl.maximum(tl.floor(real * scale + 0.5), -limit), limit)
    kept = tl.load(mask + own, mask=inside, other=0) != 0
    tl.store(weight + own, tl.where(kept, found, 0.0), mask=inside)
    at -= tl.cdiv(size, block) * block
    inside, own = (at >= 0) & (at < outputs), run * outputs + at
    real = tl.load(bias + own, mask=inside, other=0.0)
    tl.store(whole_bias + own, tl.floor(real * (scale * unit) + 0.5), mask=inside)


@triton.jit
def gradients_kernel(
    dweight, dbias, mask, shifts, dlatent, dreal, size, outputs, up, unit, block: constexpr
):  # fmt: skip
    """Straight through rounding; a weight that is pruned gets nothing."""
    run, program = tl.program_id(1).to(tl.int64), tl.program_id(0)
    scale = power_of_two(tl.load(shifts + run).to(tl.int32) + up)
    at = program * block + tl.arange(0, block)
    inside, own = at < size, run * size + at
    kept = tl.load(mask + own, mask=inside, other=0) != 0
    g = tl.load(dweight + own, mask=inside, other=0.0)
    tl.store(dlatent + own, tl.where(kept, g * scale, 0.0), mask=inside)
    at -= tl.cdiv(size, block) * block
    inside, own = (at >= 0) & (at < outputs), run * outputs + at
    g = tl.load(dbias + own, mask=inside, other=0.0)
    tl.store(dreal + own, g * (scale * unit), mask=inside)


class Integers(torch.autograd.Function):
    """(weight, bias) of a layer as whole numbers in float32, for all runs of a stack or one."""

    @staticmethod
    def forward(
        ctx: Any, latent: Tensor, mask: Tensor, bias: Tensor, shift: Tensor, up: int, unit: float, limit: int
    ) -> tuple[Tensor, Tensor]:
        """latent, mask [runs, outputs, inputs]; bias [runs, 1, outputs]; shift: whole numbers, one a run."""
        mask = mask.view(torch.uint8)
        weight, whole = torch.empty_like(latent), torch.empty_like(bias)
        grid, sizes = _grid(latent, bias, shift)
        integers_kernel[grid](
            latent, mask, bias, shift, weight, whole, *sizes, up, unit, float(limit), block=BLOCK,
            signs=limit == 1,
        )  # fmt: skip
        ctx.save_for_backward(mask, shift, bias)
        ctx.scale = up, unit
        return weight, whole

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        mask, shift, bias = ctx.saved_tensors
        dweight, dbias = (g.contiguous() for g in gradients)
        dlatent, dreal = torch.empty_like(dweight), torch.empty_like(dbias)
        grid, sizes = _grid(dweight, bias, shift)
        gradients_kernel[grid](
            dweight, dbias, mask, shift, dlatent, dreal, *sizes, *ctx.scale, block=BLOCK
        )  # fmt: skip
        return dlatent, None, dreal, None, None, None, None


def _grid(weight: Tensor, bias: Tensor, shift: Tensor) -> tuple[tuple[int, int], tuple[int, int]]:
    """Programs for each run, runs; weights and biases of a run."""
    runs = shift.numel()
    sizes = weight.numel() // runs, bias.numel() // runs
    return (sum(triton.cdiv(size, BLOCK) for size in sizes), runs), sizes


@triton.jit
def whole_kernel(value, out, gradient, count, largest, block: constexpr, backward: constexpr):
    """floor(clamp(value, 0, largest) + 1/2), or its straight-through gradient."""
    at = tl.program_id(0) * block + tl.arange(0, block)
    real = tl.load(value + at, mask=at < count, other=0.0)
    if backward:
        g = tl.load(gradient + at, mask=at < count, other=0.0)
        found = tl.where((real >= 0) & (real <= largest), g, 0.0)
    else:
        found = tl.floor(tl.minimum(tl.maximum(real, 0.0), largest) + 0.5)
    tl.store(out + at, found, mask=at < count)


class Whole(torch.autograd.Function):
    """A few learned numbers, clamped to 0..largest and rounded."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, largest: int) -> Tensor:
        """value: float32, contiguous."""
        ctx.save_for_backward(value)
        ctx.largest = largest
        return _whole(value, value, largest, backward=False)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (value,) = ctx.saved_tensors
        return _whole(value, gradients[0].contiguous(), ctx.largest, backward=True), None


def _whole(value: Tensor, gradient: Tensor, largest: int, backward: bool) -> Tensor:
    out, count = torch.empty_like(value), value.numel()
    grid = (triton.cdiv(count, BLOCK),)
    whole_kernel[grid](value, out, gradient, count, float(largest), block=BLOCK, backward=backward)
    return out
