"""What the kernels share: the register tile and the rank-one loops over it.

Every loop below is a rank-one update: it loads one slice of each operand and accumulates an outer function of
the two in a tile that the threads of a program hold in registers (`language.tile_layout`): a thread has an
8 x 8 block of a 128 x 128 tile and meets 16 loaded numbers with 64 sums.

`unit` compiles to the saturation that the GPU's adder does for nothing. Scaled by TINY it is a ReLU, scaled
by HUGE a comparison; both factors are powers of two, so integers stay exact. It turns a NaN into 0.
"""

from __future__ import annotations

from hwsim.models.kernels.language import (
    BY_ROWS,
    INTERPRETED,
    constexpr,
    empty,
    gl,
    jit,
    keep_rows,
    kept,
    positions,
    scratch_of,
)

HUGE = constexpr(2.0**64)
TINY = constexpr(2.0**-64)
FAR = constexpr(2.0**60)
"""The score of a padded key in float mode, beyond every value and below HUGE * FAR = infinity."""
LARGEST_SCORE = constexpr(127.0)


@jit
def down(x):
    """A vector over the rows of a tile, for every column."""
    return x[:, None]


@jit
def across(x):
    """A vector over the columns of a tile, for every row."""
    return x[None, :]


@jit
def over_rows(x):
    """The sum over the columns of a tile, as a vector over its rows."""
    return gl.sum(x, 1)


@jit
def over_columns(x):
    """The sum over the rows of a tile, as a vector over its columns."""
    return gl.sum(x, 0)


@jit
def unit(x):
    """x clipped to 0..1."""
    return gl.minimum(gl.maximum(x, 0.0), 1.0)


@jit
def real_of(mask, token, tokens):
    """Which tokens are no padding; none beyond the last."""
    return gl.load(mask + token, mask=token < tokens, other=0) != 0


@jit
def tile_of(pointer, first, tokens, features, rows: constexpr, width: constexpr, layout: constexpr):
    """Rows first.. of [tokens, features] as a tile [rows, width], zero outside."""
    token, feature = first + positions(rows, 0, layout), positions(width, 1, layout)
    inside = (down(token) < tokens) & (across(feature) < features)
    return gl.load(pointer + down(token) * features + across(feature), mask=inside, other=0.0)


@jit
def store_tile(
    pointer, x, first, tokens, features: constexpr, rows: constexpr, width: constexpr, layout: constexpr
):
    """The inverse of `tile_of`."""
    token, feature = first + positions(rows, 0, layout), positions(width, 1, layout)
    inside = (down(token) < tokens) & (across(feature) < features)
    gl.store(pointer + down(token) * features + across(feature), x, mask=inside)


if INTERPRETED:

    @jit
    def sign_of(x):
        """1 or -1 by the sign bit of x."""
        return ((x.to(gl.int32, bitcast=True) & -(2**31)) | 0x3F800000).to(gl.float32, bitcast=True)

    @jit
    def add_distances(total, a, b):
        """total + sum over the four bytes of |a - b|."""
        for byte in gl.static_range(4):
            total += gl.abs(((a >> (8 * byte)) & 255) - ((b >> (8 * byte)) & 255))
        return total

    @jit
    def add_where(total, a, v, score, signed: constexpr):
        """total + a * sign(v) where |v| > score; total + a where v > score unless `signed`."""
        if signed:
            return gl.where(gl.abs(v) > score, total + a * sign_of(v), total)
        return gl.where(v > score, total + a, total)

else:

    @jit
    def sign_of(x):
        """1 or -1 by the sign bit of x: one instruction."""
        return gl.inline_asm_elementwise(
            "copysign.f32 $0, $1, 0f3F800000;", "=f,f", [x], dtype=gl.float32, is_pure=True, pack=1
        )

    @jit
    def add_distances(total, a, b):
        """total + sum over the four bytes of |a - b|: one instruction."""
        return gl.inline_asm_elementwise(
            "vabsdiff4.u32.u32.u32.add $0, $1, $2, $3;",
            "=r,r,r,r",
            [a, b, total],
            dtype=gl.int32,
            is_pure=True,
            pack=1,
        )

    @jit
    def add_where(total, a, v, score, signed: constexpr):
        """The same as a comparison and an addition that it switches; Triton would choose between two sums."""
        if signed:
            return gl.inline_asm_elementwise(
                "{.reg .pred p; .reg .f32 s; abs.f32 s, $4; setp.gt.f32 p, s, $5; mov.f32 $0, $1;"
                "@p fma.rn.f32 $0, $2, $3, $0;}",
                "=&f,f,f,f,f,f",
                [total, a, sign_of(v), v, score],
                dtype=gl.float32,
                is_pure=True,
                pack=1,
            )
        return gl.inline_asm_elementwise(
            "{.reg .pred p; setp.gt.f32 p, $3, $4; mov.f32 $0, $1; @p add.f32 $0, $0, $2;}",
            "=&f,f,f,f,f",
            [total, a, v, score],
            dtype=gl.float32,
            is_pure=True,
            pack=1,
        )


@jit
def distance_tile(
    memory, own, other, stride, rows: constexpr, columns: constexpr, slices: constexpr, depth: constexpr,
    whole: constexpr, layout: constexpr, unroll: constexpr,
):  # fmt: skip
    """z_ij = sum over features of |own_i - other_j|; uses scratches 0 and 1.

    own, other: from the tile's first token on, [slices, stride], feature by feature; `whole`: four int8
    features to a slice, as biased bytes. depth: slices padded to a power of two.
    """
    kind: constexpr = gl.int32 if whole else gl.float32
    owns, others = scratch_of(memory, 0, depth, rows, kind), scratch_of(memory, 1, depth, columns, kind)
    keep_rows(owns, tile_of(own, 0, slices, stride, depth, rows, BY_ROWS))
    keep_rows(others, tile_of(other, 0, slices, stride, depth, columns, BY_ROWS))
    total = empty(rows, columns, kind, layout)
    for start in range(0, slices, unroll):
        for s in gl.static_range(unroll):
            a = down(kept(owns, start + s, rows, 0, layout))
            b = across(kept(others, start + s, columns, 1, layout))
            total = add_distances(total, a, b) if whole else total + gl.abs(a - b)
    return total.to(gl.float32)


@jit
def add_inhibited(total, score, v, count, signed: constexpr, layout: constexpr, unroll: constexpr):
    """total_ik + TINY times the sum over `count` keys of inhibited values.

    Kept are score [keys, rows] and v [keys, features], both times TINY; behind the last key values are 0.
    """
    for start in range(0, count, unroll):
        for s in gl.static_range(unroll):
            z = down(kept(score, start + s, total.shape[0], 0, layout))
            value = across(kept(v, start + s, total.shape[1], 1, layout))
            if signed:
                total += unit(gl.abs(value) - z) * sign_of(value)
            else:
                total += unit(value - z)
    return total


@jit
def add_signs(total, weight, own, other, count, whole: constexpr, layout: constexpr, unroll: constexpr):
    """total_ik + sum over `count` tokens j of weight_ij * (sign(own_ik - other_jk) + 1) / 2.

    The sign of 0 is 0. Twice the result less sum(weight) is the sum with plain signs. `own` is a tile; kept
    are weight [tokens, rows], 0 behind the last token, and other [tokens, features].
    """
    if whole:
        own = own * 0.5 + 0.5
    for start in range(0, count, unroll):
        for s in gl.static_range(unroll):
            w = down(kept(weight, start + s, total.shape[0], 0, layout))
            x = across(kept(other, start + s, total.shape[1], 1, layout))
            if whole:
                total += w * unit(own - x * 0.5)
            else:
                total += w * unit((own - x) * HUGE + 0.5)
    return total


@jit
def score_gradient_tile(
    score, dh, v, features: constexpr, swapped: constexpr, signed: constexpr, layout: constexpr,
    unroll: constexpr,
):  # fmt: skip
    """-sum over features of dH * sign(v) [|v| > z'] for a tile of scores z'.

    Kept are dh and v, [features, tokens], 0 behind the last feature; the tile's rows are queries and its
    columns keys, or the other way round if `swapped`.
    """
    total = score * 0.0
    for start in range(0, features, unroll):
        for s in gl.static_range(unroll):
            if swapped:
                a = across(kept(dh, start + s, score.shape[1], 1, layout))
                b = down(kept(v, start + s, score.shape[0], 0, layout))
            else:
                a = down(kept(dh, start + s, score.shape[0], 0, layout))
                b = across(kept(v, start + s, score.shape[1], 1, layout))
            total = add_where(total, a, b, score, signed)
    return -total


@jit
def add_passed(total, score, v, dh, count, signed: constexpr, layout: constexpr, unroll: constexpr):
    """total_jk + sum over `count` queries of dH_ik [|v_jk| > z'_ij].

    `v` is a tile; kept are score [queries, rows], times HUGE, and dh [queries, features], 0 behind the last
    query.
    """
    size = gl.abs(v) * HUGE if signed else v * HUGE
    for start in range(0, count, unroll):
        for s in gl.static_range(unroll):
            z = down(kept(score, start + s, total.shape[0], 0, layout))
            gradient = across(kept(dh, start + s, total.shape[1], 1, layout))
            total += gradient * unit(size - z)
    return total
