"""Both gradients in one kernel, for sequences whose keys fit in one tile: each score is computed once.

A program takes whole heads. It holds the scores of some queries and of all keys, finishes the gradient of
those queries, and adds what the keys get to what they have, in memory: only this program writes there.
"""

from __future__ import annotations

from hwsim.models.kernels.fused import (
    clamped,
    level_of,
    numbers_of,
    passes,
    share_of,
    shifted,
)
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
)
from hwsim.models.kernels.tile import (
    HUGE,
    across,
    add_passed,
    add_signs,
    distance_tile,
    down,
    over_columns,
    over_rows,
    real_of,
    score_gradient_tile,
    store_tile,
    tile_of,
)


@jit
def add_tile(
    pointer, x, earlier, tokens, features: constexpr, rows: constexpr, width: constexpr, layout: constexpr
):  # fmt: skip
    """Store the first rows of [tokens, features], with what is there added if `earlier` queries have been."""
    there = gl.where(earlier > 0, tokens, 0)
    x += tile_of(pointer, 0, there, features, rows, width, layout)
    store_tile(pointer, x, 0, tokens, features, rows, width, layout)


@jit
def gradients_kernel(
    qt, kt, q, k, v, dh, mask, numbers, centres, weights, dq, dk, dv, row_gradients, dscales, scratch,
    items, n, stride, tiles, programs,
    slices: constexpr, depth: constexpr, features: constexpr, width: constexpr, own: constexpr,
    other: constexpr, score_layout: constexpr, query_layout: constexpr, key_layout: constexpr,
    centring: constexpr, signed: constexpr, whole: constexpr, unroll: constexpr,
):  # fmt: skip
    """dq, dk, dv [items, n, features], n <= other; each row's sum of score gradients and its dscale."""
    rows, columns = positions(own, 0, score_layout), positions(other, 1, score_layout)
    for item in range(gl.program_id(0), items, programs):
        head = (item // tiles).to(gl.int64)
        tokens, slice_of = head * n * features, head * slices * stride
        s, h, d = numbers_of(numbers, head, items // tiles)
        real = across(real_of(mask + head * n, columns, n))
        for first in range(0, n, own):
            i, count = first + rows, gl.minimum(own, n - first)
            z = distance_tile(
                scratch, qt + slice_of + first, kt + slice_of, stride, own, other, slices, depth, whole,
                score_layout, unroll,
            )  # fmt: skip
            centre = gl.load(centres + head * n + i, mask=i < n, other=0.0)
            x = shifted(level_of(z, s, h, whole), down(centre), s, d, whole)
            outputs, values = scratch_of(scratch, 0, width, own), scratch_of(scratch, 1, width, other)
            keep_columns(outputs, tile_of(dh + tokens, first, n, features, own, width, BY_COLUMNS))
            keep_columns(values, tile_of(v + tokens, 0, n, features, other, width, BY_COLUMNS))
            g = score_gradient_tile(x, outputs, values, features, False, signed, score_layout, unroll)
            g = gl.where(passes(x, real, whole), g, 0.0)
            row_gradient = over_rows(g)
            gl.store(row_gradients + head * n + i, row_gradient, mask=i < n)
            if centring != "none":
                weight = gl.load(weights + head * n + i, mask=i < n, other=0.0)
                share = share_of(z, x, down(centre), d, down(weight), real, centring, whole)
                g -= share * down(row_gradient)
            gl.store(dscales + head * n + i, over_rows(g * (z + h)), mask=i < n)

            scores, slopes = scratch_of(scratch, 0, own, other), scratch_of(scratch, 1, own, width)
            keep_rows(scores, clamped(x, real, whole) * HUGE)
            keep_rows(slopes, tile_of(dh + tokens, first, n, features, own, width, BY_ROWS))
            value = tile_of(v + tokens, 0, n, features, other, width, key_layout)
            total = empty(other, width, gl.float32, key_layout)
            total = add_passed(total, scores, value, slopes, count, signed, key_layout, unroll)
            add_tile(dv + tokens, total, first, n, features, other, width, key_layout)

            gradients, queries = scratch_of(scratch, 0, own, other), scratch_of(scratch, 1, own, width)
            keep_rows(gradients, g)
            keep_rows(queries, tile_of(q + tokens, first, n, features, own, width, BY_ROWS))
            key = tile_of(k + tokens, 0, n, features, other, width, key_layout)
            total = empty(other, width, gl.float32, key_layout)
            total = add_signs(total, gradients, key, queries, count, whole, key_layout, unroll)
            total = (2 * total - down(as_rows_of(over_columns(g), key_layout))) * s
            add_tile(dk + tokens, total, first, n, features, other, width, key_layout)

            by_keys, keys = scratch_of(scratch, 0, other, own), scratch_of(scratch, 1, other, width)
            keep_columns(by_keys, g)
            keep_rows(keys, tile_of(k + tokens, 0, n, features, other, width, BY_ROWS))
            query = tile_of(q + tokens, first, n, features, own, width, query_layout)
            total = empty(own, width, gl.float32, query_layout)
            total = add_signs(total, by_keys, query, keys, n, whole, query_layout, unroll)
            total = (2 * total - down(as_rows_of(over_rows(g), query_layout))) * s
            store_tile(dq + tokens, total, first, n, features, own, width, query_layout)
