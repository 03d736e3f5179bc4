"""The fused kernels: attention, and its two gradients, without a stored n x n tensor.

Each program takes items (a head of a sequence, and a tile of its tokens) in turn, and passes the score tile
between its threads through shared memory. No atomics: every sum has one order, and a run repeats to the
last bit.
"""

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
    LARGEST_SCORE,
    TINY,
    across,
    add_inhibited,
    add_passed,
    add_signs,
    distance_tile,
    down,
    over_rows,
    real_of,
    score_gradient_tile,
    store_tile,
    tile_of,
)


@jit
def numbers_of(numbers, head, heads):
    """(scale, half, delta) of a head, from [3, heads]."""
    return gl.load(numbers + head), gl.load(numbers + heads + head), gl.load(numbers + 2 * heads + head)


@jit
def level_of(z, scale, half, whole: constexpr):
    """What is centred: the rounded score in integer mode, the distance itself in float mode."""
    return gl.floor((z + half) * scale) if whole else z


@jit
def shifted(level, centre, scale, delta, whole: constexpr):
    """The score before it is clamped."""
    return level - centre - delta if whole else (level - centre) * scale - delta


@jit
def clamped(x, real, whole: constexpr):
    """z': what inhibits; a padded key removes every value."""
    if whole:
        z = gl.where(real, gl.minimum(gl.maximum(x, 0.0), LARGEST_SCORE), LARGEST_SCORE)
    else:
        z = gl.where(real, gl.maximum(x, 0.0), FAR)
    return z


@jit
def passes(x, real, whole: constexpr):
    """Where the clamp lets a gradient through: the ends count in integer mode, as in torch.clamp."""
    return real & (x >= 0) & (x <= LARGEST_SCORE) if whole else real & (x > 0)


@jit
def share_of(z, x, centre, delta, weight, real, centring: constexpr, whole: constexpr):
    """d centre / d level: equal shares of the nearest keys (`min`) or of all real keys (`mean`)."""
    if centring == "min":
        nearest = x == -delta if whole else z == centre
        share = gl.where(real & nearest, weight, 0.0)
    else:
        share = gl.where(real, weight, 0.0)
    return share


@jit
def gather_centre(centre, weight, level, real, centring: constexpr):
    """Centres so far, with one more tile: (least, its ties) for `min`, (sum, keys) for `mean`."""
    if centring == "min":
        least = gl.min(gl.where(real, level, FAR), 1)
        ties = over_rows(gl.where(real & (level == down(least)), 1.0, 0.0))
        weight = gl.where(least < centre, ties, gl.where(least == centre, weight + ties, weight))
        centre = gl.minimum(centre, least)
    elif centring == "mean":
        centre += over_rows(gl.where(real, level, 0.0))
        weight += over_rows(gl.where(real, level * 0.0 + 1.0, 0.0))
    return centre, weight


@jit
def attention_kernel(
    qt, kt, v, mask, numbers, out, centres, weights, scratch, items, n, stride, tiles, programs,
    slices: constexpr, depth: constexpr, features: constexpr, width: constexpr, own: constexpr,
    other: constexpr, score_layout: constexpr, out_layout: constexpr, centring: constexpr, signed: constexpr,
    whole: constexpr, one_tile: constexpr, unroll: constexpr,
):  # fmt: skip
    """H [items, n, features], and for the backward pass each row's centre and centre weight [items, n].

    qt, kt: [items, slices, stride]; v: [items, n, features]; mask: [items, n]; numbers: [3, items].
    """
    rows, columns = positions(own, 0, score_layout), positions(other, 1, score_layout)
    for item in range(gl.program_id(0), items, programs):
        head = (item // tiles).to(gl.int64)
        first, tokens = (item % tiles) * own, head * n * features
        i = first + rows
        s, h, d = numbers_of(numbers, head, items // tiles)
        q_tile, k_head = qt + head * slices * stride + first, kt + head * slices * stride
        # Centres first, since a score is clamped after it is centred; keys that fit one tile stay in it.
        centre = vector(own, score_layout) + FAR if centring == "min" else vector(own, score_layout)
        weight = vector(own, score_layout)
        z = empty(own, other, gl.float32, score_layout)
        if one_tile or centring != "none":
            for start in range(0, n, other):
                j = start + columns
                z = distance_tile(
                    scratch, q_tile, k_head + start, stride, own, other, slices, depth, whole, score_layout,
                    unroll,
                )  # fmt: skip
                keys = across(real_of(mask + head * n, j, n))
                centre, weight = gather_centre(centre, weight, level_of(z, s, h, whole), keys, centring)
        weight = gl.maximum(weight, 1.0)
        if centring == "mean":
            floored = centre.to(gl.int32) // weight.to(gl.int32)
            centre = floored.to(gl.float32) if whole else centre / weight
        weight = 1.0 / weight

        total = empty(own, width, gl.float32, out_layout)
        for start in range(0, n, other):
            j = start + columns
            if not one_tile:
                z = distance_tile(
                    scratch, q_tile, k_head + start, stride, own, other, slices, depth, whole, score_layout,
                    unroll,
                )  # fmt: skip
            real = across(real_of(mask + head * n, j, n))
            z = clamped(shifted(level_of(z, s, h, whole), down(centre), s, d, whole), real, whole)
            scores, values = scratch_of(scratch, 2, other, own), scratch_of(scratch, 3, other, width)
            keep_columns(scores, z * TINY)
            keep_rows(values, tile_of(v + tokens, start, n, features, other, width, BY_ROWS) * TINY)
            total = add_inhibited(
                total, scores, values, gl.minimum(other, n - start), signed, out_layout, unroll
            )
        store_tile(out + tokens, total * HUGE, first, n, features, own, width, out_layout)
        gl.store(centres + head * n + i, centre, mask=i < n)
        gl.store(weights + head * n + i, weight, mask=i < n)


@jit
def query_gradient_kernel(
    qt, kt, q, k, v, dh, mask, numbers, centres, weights, dq, row_gradients, dscales, scratch,
    items, n, stride, tiles, programs,
    slices: constexpr, depth: constexpr, features: constexpr, width: constexpr, own: constexpr,
    other: constexpr, score_layout: constexpr, out_layout: constexpr, centring: constexpr, signed: constexpr,
    whole: constexpr, one_tile: constexpr, unroll: constexpr,
):  # fmt: skip
    """dq [items, n, features]; each row's sum of score gradients (minus that is ddelta) and its dscale.

    A score's gradient g reaches the distance as (g - share * sum of the row's g) * scale. The row's sum is
    known after the last key only, so sums with weights g and with weights `share` run side by side.
    """
    rows, columns = positions(own, 0, score_layout), positions(other, 1, score_layout)
    for item in range(gl.program_id(0), items, programs):
        head = (item // tiles).to(gl.int64)
        first, tokens = (item % tiles) * own, head * n * features
        i = first + rows
        s, h, d = numbers_of(numbers, head, items // tiles)
        centre = gl.load(centres + head * n + i, mask=i < n, other=0.0)
        weight = gl.load(weights + head * n + i, mask=i < n, other=0.0)
        row_gradient = vector(own, score_layout)
        dscale, share_dscale = row_gradient, row_gradient
        plain_sum, share_sum = row_gradient, row_gradient
        total = empty(own, width, gl.float32, out_layout)
        share_total = total
        for start in range(0, n, other):
            j, count = start + columns, gl.minimum(other, n - start)
            slice_of = head * slices * stride
            z = distance_tile(
                scratch, qt + slice_of + first, kt + slice_of + start, stride, own, other, slices, depth,
                whole, score_layout, unroll,
            )  # fmt: skip
            real = across(real_of(mask + head * n, j, n))
            x = shifted(level_of(z, s, h, whole), down(centre), s, d, whole)
            outputs, values = scratch_of(scratch, 0, width, own), scratch_of(scratch, 1, width, other)
            keep_columns(outputs, tile_of(dh + tokens, first, n, features, own, width, BY_COLUMNS))
            keep_columns(values, tile_of(v + tokens, start, n, features, other, width, BY_COLUMNS))
            g = score_gradient_tile(x, outputs, values, features, False, signed, score_layout, unroll)
            g = gl.where(passes(x, real, whole), g, 0.0)
            row_gradient += over_rows(g)
            gradients, keys = scratch_of(scratch, 2, other, own), scratch_of(scratch, 3, other, width)
            keep_rows(keys, tile_of(k + tokens, start, n, features, other, width, BY_ROWS))
            query = tile_of(q + tokens, first, n, features, own, width, out_layout)
            if centring != "none":
                share = share_of(z, x, down(centre), d, down(weight), real, centring, whole)
                if one_tile:
                    g -= share * down(row_gradient)
                else:
                    share_dscale += over_rows(share * (z + h))
                    share_sum += over_rows(share)
                    keep_columns(gradients, share)
                    share_total = add_signs(
                        share_total, gradients, query, keys, count, whole, out_layout, unroll
                    )
            dscale += over_rows(g * (z + h))
            plain_sum += over_rows(g)
            keep_columns(gradients, g)
            total = add_signs(total, gradients, query, keys, count, whole, out_layout, unroll)
        total = 2 * total - down(as_rows_of(plain_sum, out_layout))
        if centring != "none" and not one_tile:
            share_total = 2 * share_total - down(as_rows_of(share_sum, out_layout))
            total -= down(as_rows_of(row_gradient, out_layout)) * share_total
            dscale -= row_gradient * share_dscale
        store_tile(dq + tokens, total * s, first, n, features, own, width, out_layout)
        gl.store(row_gradients + head * n + i, row_gradient, mask=i < n)
        gl.store(dscales + head * n + i, dscale, mask=i < n)


@jit
def key_gradient_kernel(
    qt, kt, q, k, v, dh, mask, numbers, centres, weights, row_gradients, dk, dv, scratch,
    items, n, stride, tiles, programs,
    slices: constexpr, depth: constexpr, features: constexpr, width: constexpr, own: constexpr,
    other: constexpr, score_layout: constexpr, out_layout: constexpr, centring: constexpr, signed: constexpr,
    whole: constexpr, one_tile: constexpr, unroll: constexpr,
):  # fmt: skip
    """dk, dv [items, n, features]; here the rows of a tile are keys and its columns queries."""
    rows, columns = positions(own, 0, score_layout), positions(other, 1, score_layout)
    for item in range(gl.program_id(0), items, programs):
        head = (item // tiles).to(gl.int64)
        first, tokens = (item % tiles) * own, head * n * features
        j = first + rows
        s, h, d = numbers_of(numbers, head, items // tiles)
        real = down(real_of(mask + head * n, j, n))
        key_total = empty(own, width, gl.float32, out_layout)
        value_total = key_total
        weight_sum = vector(own, score_layout)
        for start in range(0, n, other):
            i, count = start + columns, gl.minimum(other, n - start)
            slice_of = head * slices * stride
            z = distance_tile(
                scratch, kt + slice_of + first, qt + slice_of + start, stride, own, other, slices, depth,
                whole, score_layout, unroll,
            )  # fmt: skip
            centre = across(gl.load(centres + head * n + i, mask=i < n, other=0.0))
            x = shifted(level_of(z, s, h, whole), centre, s, d, whole)
            values, outputs = scratch_of(scratch, 0, width, own), scratch_of(scratch, 1, width, other)
            keep_columns(values, tile_of(v + tokens, first, n, features, own, width, BY_COLUMNS))
            keep_columns(outputs, tile_of(dh + tokens, start, n, features, other, width, BY_COLUMNS))
            g = score_gradient_tile(x, outputs, values, features, True, signed, score_layout, unroll)
            g = gl.where(passes(x, real, whole), g, 0.0)
            if centring != "none":
                weight = across(gl.load(weights + head * n + i, mask=i < n, other=0.0))
                row_gradient = across(gl.load(row_gradients + head * n + i, mask=i < n, other=0.0))
                g -= share_of(z, x, centre, d, weight, real, centring, whole) * row_gradient
            weight_sum += over_rows(g)
            weights_kept, queries = scratch_of(scratch, 2, other, own), scratch_of(scratch, 3, other, width)
            keep_columns(weights_kept, clamped(x, real, whole) * HUGE)
            keep_rows(queries, tile_of(dh + tokens, start, n, features, other, width, BY_ROWS))
            value = tile_of(v + tokens, first, n, features, own, width, out_layout)
            value_total = add_passed(
                value_total, weights_kept, value, queries, count, signed, out_layout, unroll
            )
            keep_columns(weights_kept, g)
            keep_rows(queries, tile_of(q + tokens, start, n, features, other, width, BY_ROWS))
            key = tile_of(k + tokens, first, n, features, own, width, out_layout)
            key_total = add_signs(key_total, weights_kept, key, queries, count, whole, out_layout, unroll)
        key_total = (2 * key_total - down(as_rows_of(weight_sum, out_layout))) * s
        store_tile(dk + tokens, key_total, first, n, features, own, width, out_layout)
        store_tile(dv + tokens, value_total, first, n, features, own, width, out_layout)
