"""The Manhattan norm as one kernel each way; `hwsim.models.ops.manhattan_norm` defines it."""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from triton.language import constexpr

from hwsim.models.kernels.rescale import rounded
from hwsim.models.kernels.tiles import power_of_two_above

ELEMENTS = 2048
"""Of a program, or a row if that is longer."""


@triton.jit
def places(count, width: constexpr, rows: constexpr, columns: constexpr):
    """This program's rows, its elements' places, and which of them there are."""
    row = tl.program_id(0) * rows + tl.arange(0, rows)
    column = tl.arange(0, columns)
    at = row.to(tl.int64)[:, None] * width + column[None, :]
    return row, at, (row < count)[:, None] & (column < width)[None, :]


@triton.jit
def forward_kernel(
    x, reciprocals, out, norms, count, offset, limit, width: constexpr, rows: constexpr, columns: constexpr
):  # fmt: skip
    """Rows over their L1 norms, inverted to three bits: a float's exponent and its first fraction bits."""
    row, at, inside = places(count, width, rows, columns)
    values = tl.load(x + at, mask=inside, other=0.0)
    norm = tl.maximum(tl.sum(tl.abs(values), 1), 1.0)
    tl.store(norms + row, norm, mask=row < count)
    bits = norm.to(tl.int32, bitcast=True)
    shift = tl.maximum((bits >> 23) - 127 + offset, 0)
    factor = tl.load(reciprocals + ((bits >> 20) & 7))
    found, _ = rounded(values * factor[:, None], shift[:, None])
    tl.store(out + at, tl.minimum(tl.maximum(tl.floor(found), -limit), limit), mask=inside)


@triton.jit
def backward_kernel(
    gradient, x, norms, dx, count, unit, width: constexpr, rows: constexpr, columns: constexpr
):
    """The gradient of x * unit / norm."""
    row, at, inside = places(count, width, rows, columns)
    values = tl.load(x + at, mask=inside, other=0.0)
    g = tl.load(gradient + at, mask=inside, other=0.0)
    norm = tl.load(norms + row, mask=row < count, other=1.0)
    sign = (values > 0).to(tl.float32) - (values < 0).to(tl.float32)
    along = tl.sum(g * values, 1) / norm
    tl.store(dx + at, (g - sign * along[:, None]) * (unit / norm)[:, None], mask=inside)


class Divide(torch.autograd.Function):
    """int8 values of x over its L1 norm along the last axis."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, reciprocals: Tensor, offset: int, limit: int) -> Tensor:
        """x: float32, whole numbers; reciprocals: float32 [8]; offset: see `norm_exponent_offset`."""
        x = x.contiguous()
        out, norms = torch.empty_like(x), x.new_empty(x.shape[:-1])
        grid, sizes = by_rows(x)
        forward_kernel[grid](x, reciprocals, out, norms, norms.numel(), offset, float(limit), **sizes)
        ctx.save_for_backward(x, norms)
        ctx.unit = 2.0 ** (4 - offset)
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, norms = ctx.saved_tensors
        dx = torch.empty_like(x)
        grid, sizes = by_rows(x)
        backward_kernel[grid](gradients[0].contiguous(), x, norms, dx, norms.numel(), ctx.unit, **sizes)
        return dx, None, None, None


def by_rows(x: Tensor) -> tuple[tuple[int], dict[str, int]]:
    """Programs, and what they are told of sizes."""
    width = x.shape[-1]
    columns = power_of_two_above(width)
    rows = max(1, ELEMENTS // columns)
    return (triton.cdiv(x.numel() // width, rows),), {"width": width, "rows": rows, "columns": columns}
