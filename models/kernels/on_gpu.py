"""The GPU's kernels as differentiable functions of [items, n, dh] float32 tensors."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from hwsim.models.kernels import fused, joint, separate
from hwsim.models.kernels.language import INTERPRETED, ROOM, SCRATCHES, THREADS, WARPS, tile_layout
from hwsim.models.kernels.prepare import feature_slices, padded_length
from hwsim.models.kernels.tiles import TILES, Tile, choose, power_of_two_above


def _width(features: int) -> int:
    return max(THREADS, power_of_two_above(features))


def _length(n: int) -> int:
    """Padded tokens, whole tiles of every kernel."""
    chosen = [choose(name, n) for name in TILES]
    return padded_length(n, *(max(tile.own, tile.other) for tile in chosen))


def _programs(x: Tensor, items: int, tile: Tile) -> int:
    """As many as run at a time."""
    if INTERPRETED:
        return min(items, 3)
    return min(items, tile.programs * torch.cuda.get_device_properties(x.device).multi_processor_count)


def _scratch(like: Tensor, programs: int) -> Tensor:
    """What the programs of an interpreter have for shared memory; empty on a GPU."""
    return like.new_empty(programs * SCRATCHES.value * ROOM.value if INTERPRETED else 0)


def _layouts(tile: Tile, width: int) -> dict[str, Any]:
    return {
        "score_layout": tile_layout(tile.own, tile.other),
        "out_layout": tile_layout(tile.own, width),
    }


def _run_fused(kernel: Any, name: str, like: Tensor, tensors: tuple[Tensor, ...], **flags: Any) -> None:
    """Launch a fused kernel on the tiles of tensors like [heads, n, features]."""
    heads, n, _ = like.shape
    tile = choose(name, n)
    tiles = -(-n // tile.own)
    items = heads * tiles
    _launch(
        kernel, tile, like, tensors, items, tiles,
        one_tile=n <= tile.other, **_layouts(tile, _width(like.shape[-1])), **flags,
    )  # fmt: skip


def _run_joint(like: Tensor, tensors: tuple[Tensor, ...], **flags: Any) -> None:
    """Launch the kernel of both gradients on whole heads."""
    heads, n, features = like.shape
    tile, width = choose("gradients", n), _width(features)
    _launch(
        joint.gradients_kernel, tile, like, tensors, heads, 1,
        score_layout=tile_layout(tile.own, tile.other), query_layout=tile_layout(tile.own, width),
        key_layout=tile_layout(tile.other, width), **flags,
    )  # fmt: skip


def _launch(
    kernel: Any, tile: Tile, like: Tensor, tensors: tuple[Tensor, ...], items: int, tiles: int, **flags: Any
) -> None:  # fmt: skip
    """Start as many programs as run at a time; they take the items in turn, `tiles` of them a head."""
    _, n, features = like.shape
    slices, stride = tensors[0].shape[1:]
    programs = _programs(like, items, tile)
    kernel[(programs,)](
        *tensors, _scratch(like, programs), items, n, stride, tiles, programs,
        slices=slices, depth=_width(slices), features=features, width=_width(features), own=tile.own,
        other=tile.other, unroll=tile.unroll, num_warps=WARPS, maxnreg=tile.registers, **flags,
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
        _run_fused(fused.attention_kernel, "forward", v, operands, **flags)
        ctx.save_for_backward(q, k, v, qt, kt, real, numbers, centre, weight)
        ctx.flags = flags
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, qt, kt, real, numbers, centre, weight = ctx.saved_tensors
        dh = gradients[0].contiguous()
        dq, dk, dv = torch.empty_like(q), torch.empty_like(k), torch.empty_like(v)
        row, dscale = torch.empty_like(centre), torch.empty_like(centre)
        operands = (qt, kt, q, k, v, dh, real, numbers, centre, weight)
        n = q.shape[1]
        if n <= choose("gradients", n).other:
            _run_joint(v, (*operands, dq, dk, dv, row, dscale), **ctx.flags)
        else:
            query_operands, key_operands = (*operands, dq, row, dscale), (*operands, row, dk, dv)
            _run_fused(fused.query_gradient_kernel, "query_gradient", v, query_operands, **ctx.flags)
            _run_fused(fused.key_gradient_kernel, "key_gradient", v, key_operands, **ctx.flags)
        of_scale = dscale.sum(-1) if ctx.needs_input_grad[4] else None
        of_delta = -row.sum(-1) if ctx.needs_input_grad[6] else None
        return dq, dk, dv, None, of_scale, None, of_delta, None, None, None


def _tiles(n: int) -> tuple[Tile, int, int]:
    """The tile of the separate kernels, and how many of it rows and columns need."""
    tile = choose("separate", n)
    return tile, -(-n // tile.own), -(-n // tile.other)


def _run_rows(kernel: Any, like: Tensor, tensors: tuple[Tensor, ...], *strides: int, **flags: Any) -> None:
    """Launch a separate kernel that makes rows like [items, n, features], one program a tile of them."""
    items, n, features = like.shape
    tile, rows, _ = _tiles(n)
    width, programs = _width(features), items * rows
    kernel[(programs,)](
        *tensors, _scratch(like, programs), n, *strides, rows,
        features=features, width=width, own=tile.own, other=tile.other, unroll=tile.unroll, num_warps=WARPS,
        **_layouts(tile, width), **flags,
    )  # fmt: skip


def _run_scores(kernel: Any, like: Tensor, tensors: tuple[Tensor, ...], *strides: int, **flags: Any) -> None:
    """Launch a separate kernel that makes a score like [items, n, n], one program a tile of it."""
    items, n, _ = like.shape
    tile, rows, columns = _tiles(n)
    programs = items * rows * columns
    kernel[(programs,)](
        *tensors, _scratch(like, programs), n, *strides, rows, columns,
        own=tile.own, other=tile.other, score_layout=tile_layout(tile.own, tile.other), unroll=tile.unroll,
        num_warps=WARPS, **flags,
    )  # fmt: skip


class Distance(torch.autograd.Function):
    """z_ij = sum |q_ik - k_jk|, [items, n, n]."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, whole: bool) -> Tensor:
        """q, k: [items, n, dh]; whole: they hold int8 values."""
        q, k = q.contiguous(), k.contiguous()
        items, n, _ = q.shape
        qt, kt = feature_slices(q, k, _length(n), whole)
        z = q.new_empty(items, n, n)
        slices, stride = qt.shape[1:]
        _run_scores(
            separate.distance_kernel, z, (qt, kt, z), stride, slices=slices, depth=_width(slices), whole=whole
        )
        ctx.save_for_backward(q, k)
        ctx.whole = whole
        return z

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        q, k = ctx.saved_tensors
        dz, n = gradients[0].contiguous(), q.shape[1]
        dq, dk = torch.empty_like(q), torch.empty_like(k)
        _run_rows(separate.signs_kernel, q, (dz, q, k, dq), n, 1, whole=ctx.whole)
        _run_rows(separate.signs_kernel, k, (dz, k, q, dk), 1, n, whole=ctx.whole)
        return dq, dk, None


class InhibitSum(torch.autograd.Function):
    """H_ik = sum over j of the inhibited v_jk, [items, n, dh]."""

    @staticmethod
    def forward(ctx: Any, v: Tensor, score: Tensor, signed: bool) -> Tensor:
        """v: [items, n, dh]; score: [items, n, n], not negative."""
        v, score = v.contiguous(), score.contiguous()
        out = torch.empty_like(v)
        _run_rows(separate.inhibit_kernel, v, (score, v, out), signed=signed)
        ctx.save_for_backward(v, score)
        ctx.signed = signed
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        v, score = ctx.saved_tensors
        dh, features = gradients[0].contiguous(), v.shape[-1]
        dv, dscore = torch.empty_like(v), torch.empty_like(score)
        _run_rows(separate.value_gradient_kernel, v, (score, v, dh, dv), signed=ctx.signed)
        _run_scores(
            separate.score_gradient_kernel, score, (score, dh, v, dscore),
            features=features, width=_width(features), signed=ctx.signed,
        )  # fmt: skip
        return dv, dscore, None
