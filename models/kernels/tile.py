"""What the Triton kernels share: the register tile and the rank-one loops over it.

A tile of rows x columns is a tensor [rows / 16, columns / 16, 16, 16]: Triton gives the last two axes to the
256 threads of a program and keeps the first two in registers, so a thread holds a 4 x 8 block of a 64 x 128
tile and meets 12 loaded numbers with 32 sums. Every loop below is a rank-one update: it loads one slice of
each operand and accumulates an outer function of the two in the tile.

`unit` compiles to the saturation that the GPU's adder does for nothing. Scaled by TINY it is a ReLU, scaled
by HUGE a comparison; both factors are powers of two, so integers stay exact. It turns a NaN into 0.
"""

from __future__ import annotations

import triton
import triton.language as tl
from triton.runtime.interpreter import InterpretedFunction

from hwsim.models.kernels import tiles

SIDE = tl.constexpr(tiles.SIDE)
HUGE = tl.constexpr(2.0**64)
TINY = tl.constexpr(2.0**-64)
FAR = tl.constexpr(2.0**60)
"""The score of a padded key in float mode, beyond every value and below HUGE * FAR = infinity."""
LARGEST_SCORE = tl.constexpr(127.0)


@triton.jit
def span(count: tl.constexpr):
    """Positions 0..count-1 as [count / SIDE, SIDE]; neighbours lie in one thread, for wide loads."""
    register = tl.arange(0, count // SIDE)
    thread = tl.arange(0, SIDE)
    return thread[None, :] * (count // SIDE) + register[:, None]


@triton.jit
def down(x):
    """A vector over the rows of a tile, from span(rows)."""
    return x[:, None, :, None]


@triton.jit
def across(x):
    """A vector over the columns of a tile, from span(columns)."""
    return x[None, :, None, :]


@triton.jit
def empty(rows: tl.constexpr, columns: tl.constexpr):
    """A tile of zeros."""
    return tl.zeros([rows // SIDE, columns // SIDE, SIDE, SIDE], tl.float32)


@triton.jit
def vector(rows: tl.constexpr):
    """Zeros over the rows of a tile."""
    return tl.zeros([rows // SIDE, SIDE], tl.float32)


@triton.jit
def over_rows(x):
    """The sum over the columns of a tile, as a vector over its rows; first within a thread, then across."""
    return tl.sum(tl.sum(x, 1), 2)


@triton.jit
def unit(x):
    """x clipped to 0..1."""
    return tl.minimum(tl.maximum(x, 0.0), 1.0)


@triton.jit
def real_of(mask, token, tokens):
    """Which tokens are no padding; none beyond the last."""
    return tl.load(mask + token, mask=token < tokens, other=0) != 0


@triton.jit
def row_of(pointer, feature, features: tl.constexpr, width: tl.constexpr):
    """One token's features; the tile's `width` is the next power of two, zero beyond `features`."""
    if features == width:
        x = tl.load(pointer + feature)
    else:
        x = tl.load(pointer + feature, mask=feature < features, other=0.0)
    return x


@triton.jit
def tile_of(pointer, token, tokens, feature, features: tl.constexpr):
    """Rows of [tokens, features] as a tile, zero outside."""
    inside = (down(token) < tokens) & (across(feature) < features)
    return tl.load(pointer + down(token) * features + across(feature), mask=inside, other=0.0)


@triton.jit
def store_tile(pointer, x, token, tokens, feature, features: tl.constexpr):
    """The inverse of `tile_of`."""
    inside = (down(token) < tokens) & (across(feature) < features)
    tl.store(pointer + down(token) * features + across(feature), x, mask=inside)


@triton.jit
def sign_of(x):
    """1 or -1 by the sign bit of x, without a comparison."""
    return ((x.to(tl.int32, bitcast=True) & -(2**31)) | 0x3F800000).to(tl.float32, bitcast=True)


if isinstance(span, InterpretedFunction):

    @triton.jit
    def add_distances(total, a, b):
        """total + sum over the four bytes of |a - b|."""
        for byte in tl.static_range(4):
            total += tl.abs(((a >> (8 * byte)) & 255) - ((b >> (8 * byte)) & 255))
        return total

    @triton.jit
    def add_where(total, a, v, score, signed: tl.constexpr):
        """total + a * sign(v) where |v| > score; total + a where v > score unless `signed`."""
        if signed:
            return tl.where(tl.abs(v) > score, total + a * sign_of(v), total)
        return tl.where(v > score, total + a, total)

else:

    @triton.jit
    def add_distances(total, a, b):
        """total + sum over the four bytes of |a - b|: one instruction."""
        return tl.inline_asm_elementwise(
            "vabsdiff4.u32.u32.u32.add $0, $1, $2, $3;",
            "=r,r,r,r",
            [a, b, total],
            dtype=tl.int32,
            is_pure=True,
            pack=1,
        )

    @triton.jit
    def add_where(total, a, v, score, signed: tl.constexpr):
        """The same as a comparison and an addition that it switches; Triton would choose between two sums."""
        if signed:
            return tl.inline_asm_elementwise(
                "{.reg .pred p; .reg .f32 s; abs.f32 s, $4; setp.gt.f32 p, s, $5; mov.f32 $0, $1;"
                "@p fma.rn.f32 $0, $2, $3, $0;}",
                "=&f,f,f,f,f,f",
                [total, a, sign_of(v), v, score],
                dtype=tl.float32,
                is_pure=True,
                pack=1,
            )
        return tl.inline_asm_elementwise(
            "{.reg .pred p; setp.gt.f32 p, $3, $4; mov.f32 $0, $1; @p add.f32 $0, $0, $2;}",
            "=&f,f,f,f,f",
            [total, a, v, score],
            dtype=tl.float32,
            is_pure=True,
            pack=1,
        )


@triton.jit
def distance_tile(
    own, other, i, j, stride, rows: tl.constexpr, columns: tl.constexpr, slices: tl.constexpr,
    whole: tl.constexpr, unroll: tl.constexpr,
):  # fmt: skip
    """z_ij = sum over features of |own_i - other_j|.

    own, other: [slices, stride], feature by feature; `whole`: four int8 features to a slice, as biased bytes.
    """
    if whole:
        total = tl.zeros([rows // SIDE, columns // SIDE, SIDE, SIDE], tl.int32)
        for s in tl.range(slices, loop_unroll_factor=unroll):
            a = down(tl.load(own + s * stride + i))
            total = add_distances(total, a, across(tl.load(other + s * stride + j)))
        z = total.to(tl.float32)
    else:
        z = empty(rows, columns)
        for s in tl.range(slices, loop_unroll_factor=unroll):
            z += tl.abs(down(tl.load(own + s * stride + i)) - across(tl.load(other + s * stride + j)))
    return z


@triton.jit
def add_inhibited(
    total, score, score_stride, i, v, count, feature, features: tl.constexpr, width: tl.constexpr,
    signed: tl.constexpr, unroll: tl.constexpr,
):  # fmt: skip
    """total_ik + TINY times the sum over `count` keys of inhibited values.

    score: [keys, stride], times TINY; v: [keys, features].
    """
    for j in tl.range(count, loop_unroll_factor=unroll):
        z = down(tl.load(score + j * score_stride + i))
        value = across(row_of(v + j * features, feature, features, width))
        if signed:
            total += unit(tl.abs(value) * TINY - z) * sign_of(value)
        else:
            total += unit(value * TINY - z)
    return total


@triton.jit
def add_signs(
    total, weight, weight_stride, i, own, other, count, feature, features: tl.constexpr, width: tl.constexpr,
    whole: tl.constexpr, unroll: tl.constexpr,
):  # fmt: skip
    """total_ik + sum over `count` tokens j of weight_ji * (sign(own_ik - other_jk) + 1) / 2.

    The sign of 0 is 0. Twice the result less sum(weight) is the sum with plain signs.
    weight: [count, weight_stride]; own: a tile; other: [count, features].
    """
    if whole:
        own = own * 0.5 + 0.5
    for j in tl.range(count, loop_unroll_factor=unroll):
        w = down(tl.load(weight + j * weight_stride + i))
        x = across(row_of(other + j * features, feature, features, width))
        if whole:
            total += w * unit(own - x * 0.5)
        else:
            total += w * unit((own - x) * HUGE + 0.5)
    return total


@triton.jit
def score_gradient_tile(
    score, dh_own, dh_stride, i, v_own, v_stride, j, swapped: tl.constexpr, features: tl.constexpr,
    signed: tl.constexpr, unroll: tl.constexpr,
):  # fmt: skip
    """-sum over features of dH * sign(v) [|v| > z'] for a tile of scores z'.

    dh_own, v_own: [features, stride]; the tile's rows are queries i and its columns keys j, or the other
    way round if `swapped`.
    """
    total = score * 0.0
    for k in tl.range(features, loop_unroll_factor=unroll):
        dh = tl.load(dh_own + k * dh_stride + i)
        v = tl.load(v_own + k * v_stride + j)
        if swapped:
            dh, v = across(dh), down(v)
        else:
            dh, v = down(dh), across(v)
        total = add_where(total, dh, v, score, signed)
    return -total


@triton.jit
def add_passed(
    total, score, score_stride, i, v, dh, count, feature, features: tl.constexpr, width: tl.constexpr,
    signed: tl.constexpr, unroll: tl.constexpr,
):  # fmt: skip
    """total_jk + sum over `count` queries of dH_ik [|v_jk| > z'_ij].

    v: a tile; score: [count, stride], times HUGE.
    """
    size = tl.abs(v) * HUGE if signed else v * HUGE
    for query in tl.range(count, loop_unroll_factor=unroll):
        z = down(tl.load(score + query * score_stride + i))
        gradient = across(row_of(dh + query * features, feature, features, width))
        total += gradient * unit(size - z)
    return total
