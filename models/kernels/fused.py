"""The fused Triton kernels: attention, and its two gradients, without a stored n x n tensor.

Each program takes items (a head of a sequence, and a tile of its tokens) in turn, and passes the score tile
between its threads through a scratch of its own, so the scratch's size depends on the GPU alone. No atomics:
every sum has one order, and a run repeats to the last bit.
"""

from __future__ import annotations

import triton
import triton.language as tl

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
    empty,
    over_rows,
    real_of,
    score_gradient_tile,
    span,
    store_tile,
    tile_of,
    vector,
)


@triton.jit
def numbers_of(numbers, head, heads):
    """(scale, half, delta) of a head, from [3, heads]."""
    return tl.load(numbers + head), tl.load(numbers + heads + head), tl.load(numbers + 2 * heads + head)


@triton.jit
def level_of(z, scale, half, whole: tl.constexpr):
    """What is centred: the rounded score in integer mode, the distance itself in float mode."""
    return tl.floor((z + half) * scale) if whole else z


@triton.jit
def shifted(level, centre, scale, delta, whole: tl.constexpr):
    """The score before it is clamped."""
    return level - centre - delta if whole else (level - centre) * scale - delta


@triton.jit
def clamped(x, real, whole: tl.constexpr):
    """z': what inhibits; a padded key removes every value."""
    if whole:
        z = tl.where(real, tl.minimum(tl.maximum(x, 0.0), LARGEST_SCORE), LARGEST_SCORE)
    else:
        z = tl.where(real, tl.maximum(x, 0.0), FAR)
    return z


@triton.jit
def passes(x, real, whole: tl.constexpr):
    """Where the clamp lets a gradient through: the ends count in integer mode, as in torch.clamp."""
    return real & (x >= 0) & (x <= LARGEST_SCORE) if whole else real & (x > 0)


@triton.jit
def share_of(z, x, centre, delta, weight, real, centring: tl.constexpr, whole: tl.constexpr):
    """d centre / d level: equal shares of the nearest keys (`min`) or of all real keys (`mean`)."""
    if centring == "min":
        nearest = x == -delta if whole else z == centre
        share = tl.where(real & nearest, weight, 0.0)
    else:
        share = tl.where(real, weight, 0.0)
    return share


@triton.jit
def gather_centre(centre, weight, level, real, centring: tl.constexpr):
    """Centres so far, with one more tile: (least, its ties) for `min`, (sum, keys) for `mean`."""
    if centring == "min":
        least = tl.min(tl.min(tl.where(real, level, FAR), 1), 2)
        ties = over_rows(tl.where(real & (level == down(least)), 1.0, 0.0))
        weight = tl.where(least < centre, ties, tl.where(least == centre, weight + ties, weight))
        centre = tl.minimum(centre, least)
    elif centring == "mean":
        centre += over_rows(tl.where(real, level, 0.0))
        weight += over_rows(tl.where(real, level * 0.0 + 1.0, 0.0))
    return centre, weight


@triton.jit
def attention_kernel(
    qt, kt, v, mask, numbers, out, centres, weights, scratch, items, n, stride, tiles, programs,
    slices: tl.constexpr, features: tl.constexpr, width: tl.constexpr, own: tl.constexpr,
    other: tl.constexpr, centring: tl.constexpr, signed: tl.constexpr, whole: tl.constexpr,
    one_tile: tl.constexpr, unroll: tl.constexpr,
):  # fmt: skip
    """H [items, n, features], and for the backward pass each row's centre and centre weight [items, n].

    qt, kt: [items, slices, stride]; v: [items, n, features]; mask: [items, n]; numbers: [3, items].
    """
    rows, columns, feature = span(own), span(other), span(width)
    scratch += tl.program_id(0) * own * other
    for item in range(tl.program_id(0), items, programs):
        head = (item // tiles).to(tl.int64)
        i = (item % tiles) * own + rows
        s, h, d = numbers_of(numbers, head, items // tiles)
        q_head, k_head = qt + head * slices * stride, kt + head * slices * stride
        # Centres first, since a score is clamped after it is centred; keys that fit one tile stay in it.
        centre = vector(own) + FAR if centring == "min" else vector(own)
        weight = vector(own)
        if one_tile:
            z = distance_tile(q_head, k_head, i, columns, stride, own, other, slices, whole, unroll)
            level = level_of(z, s, h, whole)
            real = across(real_of(mask + head * n, columns, n))
            centre, weight = gather_centre(centre, weight, level, real, centring)
        elif centring != "none":
            for start in range(0, n, other):
                j = start + columns
                z = distance_tile(q_head, k_head, i, j, stride, own, other, slices, whole, unroll)
                keys = across(real_of(mask + head * n, j, n))
                centre, weight = gather_centre(centre, weight, level_of(z, s, h, whole), keys, centring)
        weight = tl.maximum(weight, 1.0)
        if centring == "mean":
            floored = centre.to(tl.int32) // weight.to(tl.int32)
            centre = floored.to(tl.float32) if whole else centre / weight
        weight = 1.0 / weight

        total = empty(own, width)
        for start in range(0, n, other):
            if not one_tile:
                j = start + columns
                z = distance_tile(q_head, k_head, i, j, stride, own, other, slices, whole, unroll)
                level = level_of(z, s, h, whole)
                real = across(real_of(mask + head * n, j, n))
            z = clamped(shifted(level, down(centre), s, d, whole), real, whole)
            tl.store(scratch + across(columns) * own + down(rows), z * TINY)
            tl.debug_barrier()
            total = add_inhibited(
                total, scratch, own, rows, v + (head * n + start) * features, tl.minimum(other, n - start),
                feature, features, width, signed, unroll,
            )  # fmt: skip
            tl.debug_barrier()
        store_tile(out + head * n * features, total * HUGE, i, n, feature, features)
        tl.store(centres + head * n + i, centre, mask=i < n)
        tl.store(weights + head * n + i, weight, mask=i < n)


@triton.jit
def query_gradient_kernel(
    qt, kt, q, k, vt, dht, mask, numbers, centres, weights, dq, row_gradients, dscales, scratch,
    items, n, stride, tiles, programs,
    slices: tl.constexpr, features: tl.constexpr, width: tl.constexpr, own: tl.constexpr,
    other: tl.constexpr, centring: tl.constexpr, signed: tl.constexpr, whole: tl.constexpr,
    one_tile: tl.constexpr, unroll: tl.constexpr,
):  # fmt: skip
    """dq [items, n, features]; each row's sum of score gradients (minus that is ddelta) and its dscale.

    A score's gradient g reaches the distance as (g - share * sum of the row's g) * scale. The row's sum is
    known after the last key only, so sums with weights g and with weights `share` run side by side.
    """
    rows, columns, feature = span(own), span(other), span(width)
    scratch += tl.program_id(0) * 2 * own * other
    shares = scratch + own * other
    for item in range(tl.program_id(0), items, programs):
        head = (item // tiles).to(tl.int64)
        i = (item % tiles) * own + rows
        s, h, d = numbers_of(numbers, head, items // tiles)
        centre = tl.load(centres + head * n + i, mask=i < n, other=0.0)
        weight = tl.load(weights + head * n + i, mask=i < n, other=0.0)
        row_gradient = vector(own)
        dscale, share_dscale = row_gradient, row_gradient
        plain_sum, share_sum = row_gradient, row_gradient
        total, share_total = empty(own, width), empty(own, width)
        for start in range(0, n, other):
            j = start + columns
            z = distance_tile(
                qt + head * slices * stride, kt + head * slices * stride, i, j, stride, own, other, slices,
                whole, unroll,
            )  # fmt: skip
            real = across(real_of(mask + head * n, j, n))
            x = shifted(level_of(z, s, h, whole), down(centre), s, d, whole)
            g = score_gradient_tile(
                x, dht + head * features * stride, stride, i,
                vt + head * features * stride, stride, j, False, features, signed, unroll,
            )  # fmt: skip
            g = tl.where(passes(x, real, whole), g, 0.0)
            row_gradient += over_rows(g)
            if centring != "none":
                share = share_of(z, x, down(centre), d, down(weight), real, centring, whole)
                if one_tile:
                    g -= share * down(row_gradient)
                else:
                    tl.store(shares + across(columns) * own + down(rows), share)
                    share_dscale += over_rows(share * (z + h))
                    share_sum += over_rows(share)
            dscale += over_rows(g * (z + h))
            plain_sum += over_rows(g)
            tl.store(scratch + across(columns) * own + down(rows), g)
            tl.debug_barrier()
            query = tile_of(q + head * n * features, i, n, feature, features)
            other_k, count = k + (head * n + start) * features, tl.minimum(other, n - start)
            total = add_signs(
                total, scratch, own, rows, query, other_k, count, feature, features, width, whole, unroll
            )
            if centring != "none" and not one_tile:
                share_total = add_signs(
                    share_total, shares, own, rows, query, other_k, count, feature, features, width, whole,
                    unroll,
                )  # fmt: skip
            tl.debug_barrier()
        total = 2 * total - down(plain_sum)
        if centring != "none" and not one_tile:
            total -= down(row_gradient) * (2 * share_total - down(share_sum))
            dscale -= row_gradient * share_dscale
        store_tile(dq + head * n * features, total * s, i, n, feature, features)
        tl.store(row_gradients + head * n + i, row_gradient, mask=i < n)
        tl.store(dscales + head * n + i, dscale, mask=i < n)


@triton.jit
def key_gradient_kernel(
    qt, kt, q, k, v, vt, dh, dht, mask, numbers, centres, weights, row_gradients, dk, dv, scratch,
    items, n, stride, tiles, programs,
    slices: tl.constexpr, features: tl.constexpr, width: tl.constexpr, own: tl.constexpr,
    other: tl.constexpr, centring: tl.constexpr, signed: tl.constexpr, whole: tl.constexpr,
    one_tile: tl.constexpr, unroll: tl.constexpr,
):  # fmt: skip
    """dk, dv [items, n, features]; here the rows of a tile are keys and its columns queries."""
    rows, columns, feature = span(own), span(other), span(width)
    scratch += tl.program_id(0) * 2 * own * other
    scores = scratch + own * other
    for item in range(tl.program_id(0), items, programs):
        head = (item // tiles).to(tl.int64)
        j = (item % tiles) * own + rows
        s, h, d = numbers_of(numbers, head, items // tiles)
        real = down(real_of(mask + head * n, j, n))
        key_total, value_total = empty(own, width), empty(own, width)
        weight_sum = vector(own)
        for start in range(0, n, other):
            i = start + columns
            z = distance_tile(
                kt + head * slices * stride, qt + head * slices * stride, j, i, stride, own, other, slices,
                whole, unroll,
            )  # fmt: skip
            centre = across(tl.load(centres + head * n + i, mask=i < n, other=0.0))
            x = shifted(level_of(z, s, h, whole), centre, s, d, whole)
            tl.store(scores + across(columns) * own + down(rows), clamped(x, real, whole) * HUGE)
            g = score_gradient_tile(
                x, dht + head * features * stride, stride, i, vt + head * features * stride, stride, j,
                True, features, signed, unroll,
            )  # fmt: skip
            g = tl.where(passes(x, real, whole), g, 0.0)
            if centring != "none":
                weight = across(tl.load(weights + head * n + i, mask=i < n, other=0.0))
                row_gradient = across(tl.load(row_gradients + head * n + i, mask=i < n, other=0.0))
                g -= share_of(z, x, centre, d, weight, real, centring, whole) * row_gradient
            weight_sum += over_rows(g)
            tl.store(scratch + across(columns) * own + down(rows), g)
            tl.debug_barrier()
            offset, count = (head * n + start) * features, tl.minimum(other, n - start)
            value = tile_of(v + head * n * features, j, n, feature, features)
            value_total = add_passed(
                value_total, scores, own, rows, value, dh + offset, count, feature, features, width, signed,
                unroll,
            )  # fmt: skip
            key = tile_of(k + head * n * features, j, n, feature, features)
            key_total = add_signs(
                key_total, scratch, own, rows, key, q + offset, count, feature, features, width, whole, unroll
            )
            tl.debug_barrier()
        key_total = (2 * key_total - down(weight_sum)) * s
        store_tile(dk + head * n * features, key_total, j, n, feature, features)
        store_tile(dv + head * n * features, value_total, j, n, feature, features)
