"""The Triton kernels as differentiable functions of [items, n, dh] float32 tensors."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from hwsim.models.kernels import fused, separate
from hwsim.models.kernels.prepare import feature_slices, padded, padded_length
from hwsim.models.kernels.tile import HUGE, TINY
from hwsim.models.kernels.tiles import SIDE, TILES, WARPS, Tile, choose, power_of_two_above


def _width(features: int) -> int:
    return max(SIDE, power_of_two_above(features))


def _length(n: int) -> int:
    """Padded tokens, whole tiles of every kernel."""
    chosen = [choose(name, n) for name in TILES]
    return padded_length(n, *(max(tile.own, tile.other) for tile in chosen))


def _programs(x: Tensor, items: int, tile: Tile) -> int:
    """As many as run at a time; each owns a scratch."""
    if not x.is_cuda:
        return min(items, 3)
    return min(items, tile.programs * torch.cuda.get_device_properties(x.device).multi_processor_count)


def _run_fused(
    kernel: Any, name: str, tiles_kept: int, like: Tensor, tensors: tuple[Tensor, ...], **flags: Any
) -> None:
    """Launch a fused kernel on `items` heads like [items, n, features]."""
    heads, n, features = like.shape
    tile = choose(name, n)
    tiles = -(-n // tile.own)
    items = heads * tiles
    programs = _programs(like, items, tile)
    scratch = like.new_empty(programs, tiles_kept, tile.own, tile.other)
    kernel[(programs,)](
        *tensors, scratch, items, n, tensors[0].shape[-1], tiles, programs,
        slices=tensors[0].shape[1], features=features, width=_width(features), own=tile.own, other=tile.other,
        one_tile=n <= tile.other, unroll=tile.unroll, num_warps=WARPS, maxnreg=tile.registers, **flags,
    )  # fmt: skip


class Attention(torch.autograd.Function):
    """H of `fused.attention_kernel`; keeps its inputs and two numbers a row, and no score."""

    @staticmethod
    def forward(
        ctx: Any, q: Tensor, k: Tensor, v: Tensor, mask: Tensor, scale: Tensor, half: Tensor, delta: Tensor,
        centring: str, signed: bool, whole: bool,
    ) -> Tensor:  # fmt: skip
        """q, k, v: [items, n, dh]; mask: bool [items, n]; scale, half, delta: [items]."""
        q, k, v = q.contiguous(), k.contiguous(), v.contiguous()
        length = _length(q.shape[1])
        qt, kt = feature_slices(q, k, length, whole)
        real, numbers = mask.contiguous().view(torch.int8), torch.stack((scale, half, delta))
        out, centre, weight = torch.empty_like(v), v.new_empty(q.shape[:2]), v.new_empty(q.shape[:2])
        flags = {"centring": centring, "signed": signed, "whole": whole}
        operands = (qt, kt, v, real, numbers, out, centre, weight)
        _run_fused(fused.attention_kernel, "forward", 1, v, operands, **flags)
        ctx.save_for_backward(q, k, v, qt, kt, real, numbers, centre, weight)
        ctx.flags = flags
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, qt, kt, real, numbers, centre, weight = ctx.saved_tensors
        dh = gradients[0].contiguous()
        vt, dht = feature_slices(v, dh, qt.shape[-1])
        dq, dk, dv = torch.empty_like(q), torch.empty_like(k), torch.empty_like(v)
        row, dscale = torch.empty_like(centre), torch.empty_like(centre)
        head = (real, numbers, centre, weight)
        _run_fused(
            fused.query_gradient_kernel, "query_gradient", 2, v,
            (qt, kt, q, k, vt, dht, *head, dq, row, dscale), **ctx.flags,
        )  # fmt: skip
        _run_fused(
            fused.key_gradient_kernel, "key_gradient", 2, v,
            (qt, kt, q, k, v, vt, dh, dht, *head, row, dk, dv), **ctx.flags,
        )  # fmt: skip
        of_scale = dscale.sum(-1) if ctx.needs_input_grad[4] else None
        of_delta = -row.sum(-1) if ctx.needs_input_grad[6] else None
        return dq, dk, dv, None, of_scale, None, of_delta, None, None, None


def _tiles(n: int) -> tuple[Tile, int, int]:
    """The tile of the separate kernels, and how many of it rows and columns need."""
    tile = choose("separate", n)
    return tile, -(-n // tile.own), -(-n // tile.other)


class Distance(torch.autograd.Function):
    """z_ij = sum |q_ik - k_jk|, [items, n, n]."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, whole: bool) -> Tensor:
        """q, k: [items, n, dh]; whole: they hold int8 values."""
        q, k = q.contiguous(), k.contiguous()
        items, n, _ = q.shape
        tile, rows, columns = _tiles(n)
        length = _length(n)
        qt, kt = feature_slices(q, k, length, whole)
        z = q.new_empty(items, n, n)
        separate.distance_kernel[(items * rows * columns,)](
            qt, kt, z, n, length, rows, columns,
            slices=qt.shape[1], own=tile.own, other=tile.other, whole=whole, unroll=tile.unroll,
            num_warps=WARPS,
        )  # fmt: skip
        ctx.save_for_backward(q, k)
        ctx.whole = whole
        return z

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        q, k = ctx.saved_tensors
        dz = gradients[0]
        items, n, features = q.shape
        tile, rows, _ = _tiles(n)
        length = _length(n)
        found = []
        for weight, own, other in ((dz.transpose(1, 2), q, k), (dz, k, q)):
            out = torch.empty_like(own)
            separate.signs_kernel[(items * rows,)](
                padded(weight, length), own, other, out, n, length, rows,
                features=features, width=_width(features), own=tile.own, whole=ctx.whole, unroll=tile.unroll,
                num_warps=WARPS,
            )  # fmt: skip
            found.append(out)
        return found[0], found[1], None


class InhibitSum(torch.autograd.Function):
    """H_ik = sum over j of the inhibited v_jk, [items, n, dh]."""

    @staticmethod
    def forward(ctx: Any, v: Tensor, score: Tensor, signed: bool) -> Tensor:
        """v: [items, n, dh]; score: [items, n, n], not negative."""
        v, score = v.contiguous(), score.contiguous()
        items, n, features = v.shape
        tile, rows, _ = _tiles(n)
        length = _length(n)
        out = torch.empty_like(v)
        separate.inhibit_kernel[(items * rows,)](
            padded(score.transpose(1, 2) * TINY.value, length), v, out, n, length, rows,
            features=features, width=_width(features), own=tile.own, signed=signed, unroll=tile.unroll,
            num_warps=WARPS,
        )  # fmt: skip
        ctx.save_for_backward(v, score)
        ctx.signed = signed
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        v, score = ctx.saved_tensors
        dh = gradients[0].contiguous()
        items, n, features = v.shape
        tile, rows, columns = _tiles(n)
        length = _length(n)
        dv, dscore = torch.empty_like(v), torch.empty_like(score)
        shared = {"features": features, "own": tile.own, "signed": ctx.signed, "unroll": tile.unroll}
        separate.value_gradient_kernel[(items * rows,)](
            padded(score * HUGE.value, length), v, dh, dv, n, length, rows,
            width=_width(features), num_warps=WARPS, **shared,
        )  # fmt: skip
        separate.score_gradient_kernel[(items * rows * columns,)](
            score, *feature_slices(dh, v, length), dscore, n, length, rows, columns,
            other=tile.other, num_warps=WARPS, **shared,
        )  # fmt: skip
        return dv, dscore, None
