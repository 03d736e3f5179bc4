"""The kernels of the two halves alone, for when the score itself is wanted; one program a tile of rows."""

from __future__ import annotations

from hwsim.models.kernels.language import (
    BY_COLUMNS,
    BY_ROWS,
    as_rows_of,
    constexpr,
    empty,
    gl,
    jit,
    keep_columns,
    keep_rows,
    positions,
    scratch_of,
    vector,
)
from hwsim.models.kernels.tile import (
    FAR,
    HUGE,
    TINY,
    across,
    add_inhibited,
    add_passed,
    add_signs,
    distance_tile,
    down,
    over_rows,
    score_gradient_tile,
    store_tile,
    tile_of,
)


@jit
def distance_kernel(
    qt, kt, z, scratch, n, stride, tiles, other_tiles,
    slices: constexpr, depth: constexpr, own: constexpr, other: constexpr, score_layout: constexpr,
    whole: constexpr, unroll: constexpr,
):  # fmt: skip
    """z [items, n, n] from qt, kt [items, slices, stride]."""
    head = (gl.program_id(0) // (tiles * other_tiles)).to(gl.int64)
    first, start = gl.program_id(0) // other_tiles % tiles * own, gl.program_id(0) % other_tiles * other
    i, j = first + positions(own, 0, score_layout), start + positions(other, 1, score_layout)
    offset = head * slices * stride
    tile = distance_tile(
        scratch, qt + offset + first, kt + offset + start, stride, own, other, slices, depth, whole,
        score_layout, unroll,
    )  # fmt: skip
    inside = (down(i) < n) & (across(j) < n)
    gl.store(z + (head * n + down(i)) * n + across(j), tile, mask=inside)


@jit
def signs_kernel(
    weight, own_x, other_x, out, scratch, n, row_stride, column_stride, tiles,
    features: constexpr, width: constexpr, own: constexpr, other: constexpr, score_layout: constexpr,
    out_layout: constexpr, whole: constexpr, unroll: constexpr,
):  # fmt: skip
    """out_ik = sum over j of weight_ij sign(own_ik - other_jk).

    weight_ij lies at i * row_stride + j * column_stride.
    """
    head = (gl.program_id(0) // tiles).to(gl.int64)
    first, tokens = gl.program_id(0) % tiles * own, head * n * features
    i, columns = first + positions(own, 0, score_layout), positions(other, 1, score_layout)
    weights, others = scratch_of(scratch, 0, other, own), scratch_of(scratch, 1, other, width)
    x = tile_of(own_x + tokens, first, n, features, own, width, out_layout)
    total, weight_sum = empty(own, width, gl.float32, out_layout), vector(own, score_layout)
    for start in range(0, n, other):
        j = start + columns
        place = weight + head * n * n + down(i) * row_stride + across(j) * column_stride
        w = gl.load(place, mask=(down(i) < n) & (across(j) < n), other=0.0)
        weight_sum += over_rows(w)
        keep_columns(weights, w)
        keep_rows(others, tile_of(other_x + tokens, start, n, features, other, width, BY_ROWS))
        count = gl.minimum(other, n - start)
        total = add_signs(total, weights, x, others, count, whole, out_layout, unroll)
    total = 2 * total - down(as_rows_of(weight_sum, out_layout))
    store_tile(out + tokens, total, first, n, features, own, width, out_layout)


@jit
def inhibit_kernel(
    score, v, out, scratch, n, tiles,
    features: constexpr, width: constexpr, own: constexpr, other: constexpr, score_layout: constexpr,
    out_layout: constexpr, signed: constexpr, unroll: constexpr,
):  # fmt: skip
    """H [items, n, features]; score: [items, n queries, n keys]."""
    head = (gl.program_id(0) // tiles).to(gl.int64)
    first, tokens = gl.program_id(0) % tiles * own, head * n * features
    i, columns = first + positions(own, 0, score_layout), positions(other, 1, score_layout)
    scores, values = scratch_of(scratch, 0, other, own), scratch_of(scratch, 1, other, width)
    total = empty(own, width, gl.float32, out_layout)
    for start in range(0, n, other):
        j = start + columns
        inside = (down(i) < n) & (across(j) < n)
        z = gl.load(score + (head * n + down(i)) * n + across(j), mask=inside, other=FAR)
        keep_columns(scores, z * TINY)
        keep_rows(values, tile_of(v + tokens, start, n, features, other, width, BY_ROWS) * TINY)
        count = gl.minimum(other, n - start)
        total = add_inhibited(total, scores, values, count, signed, out_layout, unroll)
    store_tile(out + tokens, total * HUGE, first, n, features, own, width, out_layout)


@jit
def score_gradient_kernel(
    score, dh, v, out, scratch, n, tiles, other_tiles,
    features: constexpr, width: constexpr, own: constexpr, other: constexpr, score_layout: constexpr,
    signed: constexpr, unroll: constexpr,
):  # fmt: skip
    """d score [items, n queries, n keys]; score: the same."""
    head = (gl.program_id(0) // (tiles * other_tiles)).to(gl.int64)
    first = gl.program_id(0) // other_tiles % tiles * own
    start, tokens = gl.program_id(0) % other_tiles * other, head * n * features
    i, j = first + positions(own, 0, score_layout), start + positions(other, 1, score_layout)
    outputs, values = scratch_of(scratch, 0, width, own), scratch_of(scratch, 1, width, other)
    keep_columns(outputs, tile_of(dh + tokens, first, n, features, own, width, BY_COLUMNS))
    keep_columns(values, tile_of(v + tokens, start, n, features, other, width, BY_COLUMNS))
    inside = (down(i) < n) & (across(j) < n)
    place = (head * n + down(i)) * n + across(j)
    z = gl.load(score + place, mask=inside, other=0.0)
    g = score_gradient_tile(z, outputs, values, features, False, signed, score_layout, unroll)
    gl.store(out + place, g, mask=inside)


@jit
def value_gradient_kernel(
    score, v, dh, out, scratch, n, tiles,
    features: constexpr, width: constexpr, own: constexpr, other: constexpr, score_layout: constexpr,
    out_layout: constexpr, signed: constexpr, unroll: constexpr,
):  # fmt: skip
    """dv [items, n, features]; score: [items, n queries, n keys]; rows of a tile are keys."""
    head = (gl.program_id(0) // tiles).to(gl.int64)
    first, tokens = gl.program_id(0) % tiles * own, head * n * features
    j, columns = first + positions(own, 0, score_layout), positions(other, 1, score_layout)
    scores, outputs = scratch_of(scratch, 0, other, own), scratch_of(scratch, 1, other, width)
    value = tile_of(v + tokens, first, n, features, own, width, out_layout)
    total = empty(own, width, gl.float32, out_layout)
    for start in range(0, n, other):
        i = start + columns
        inside = (down(j) < n) & (across(i) < n)
        z = gl.load(score + (head * n + across(i)) * n + down(j), mask=inside, other=FAR)
        keep_columns(scores, z * HUGE)
        keep_rows(outputs, tile_of(dh + tokens, start, n, features, other, width, BY_ROWS))
        count = gl.minimum(other, n - start)
        total = add_passed(total, scores, value, outputs, count, signed, out_layout, unroll)
    store_tile(out + tokens, total, first, n, features, own, width, out_layout)
