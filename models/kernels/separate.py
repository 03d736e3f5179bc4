"""The Triton kernels of the two halves alone, for when the score itself is wanted."""

from __future__ import annotations

import triton
import triton.language as tl

from hwsim.models.kernels.tile import (
    HUGE,
    across,
    add_inhibited,
    add_passed,
    add_signs,
    distance_tile,
    down,
    empty,
    score_gradient_tile,
    span,
    store_tile,
    tile_of,
    vector,
)


@triton.jit
def distance_kernel(
    qt, kt, z, n, stride, tiles, key_tiles,
    slices: tl.constexpr, own: tl.constexpr, other: tl.constexpr, whole: tl.constexpr, unroll: tl.constexpr,
):  # fmt: skip
    """z [items, n, n] from qt, kt [items, slices, stride]; one program a tile."""
    head = (tl.program_id(0) // (tiles * key_tiles)).to(tl.int64)
    i = tl.program_id(0) // key_tiles % tiles * own + span(own)
    j = tl.program_id(0) % key_tiles * other + span(other)
    offset = head * slices * stride
    tile = distance_tile(qt + offset, kt + offset, i, j, stride, own, other, slices, whole, unroll)
    inside = (down(i) < n) & (across(j) < n)
    tl.store(z + (head * n + down(i)) * n + across(j), tile, mask=inside)


@triton.jit
def signs_kernel(
    weight, own_x, other_x, out, n, stride, tiles,
    features: tl.constexpr, width: tl.constexpr, own: tl.constexpr, whole: tl.constexpr,
    unroll: tl.constexpr,
):  # fmt: skip
    """out_ik = sum over j of weight_ji sign(own_ik - other_jk); weight: [items, n, stride]."""
    head = (tl.program_id(0) // tiles).to(tl.int64)
    i, feature = tl.program_id(0) % tiles * own + span(own), span(width)
    x = tile_of(own_x + head * n * features, i, n, feature, features)
    weight += head * n * stride
    total = add_signs(
        empty(own, width), weight, stride, i, x, other_x + head * n * features, n, feature, features, width,
        whole, unroll,
    )  # fmt: skip
    weight_sum = vector(own)
    for j in range(n):
        weight_sum += tl.load(weight + j * stride + i)
    store_tile(out + head * n * features, 2 * total - down(weight_sum), i, n, feature, features)


@triton.jit
def inhibit_kernel(
    score, v, out, n, stride, tiles,
    features: tl.constexpr, width: tl.constexpr, own: tl.constexpr, signed: tl.constexpr,
    unroll: tl.constexpr,
):  # fmt: skip
    """H [items, n, features]; score: [items, n keys, stride queries], times TINY."""
    head = (tl.program_id(0) // tiles).to(tl.int64)
    i, feature = tl.program_id(0) % tiles * own + span(own), span(width)
    total = add_inhibited(
        empty(own, width), score + head * n * stride, stride, i, v + head * n * features, n, feature,
        features, width, signed, unroll,
    )  # fmt: skip
    store_tile(out + head * n * features, total * HUGE, i, n, feature, features)


@triton.jit
def score_gradient_kernel(
    score, dht, vt, out, n, stride, tiles, key_tiles,
    features: tl.constexpr, own: tl.constexpr, other: tl.constexpr, signed: tl.constexpr,
    unroll: tl.constexpr,
):  # fmt: skip
    """d score [items, n queries, n keys]; score: the same; dht, vt: [items, features, stride]."""
    head = (tl.program_id(0) // (tiles * key_tiles)).to(tl.int64)
    i = tl.program_id(0) // key_tiles % tiles * own + span(own)
    j = tl.program_id(0) % key_tiles * other + span(other)
    inside = (down(i) < n) & (across(j) < n)
    place = (head * n + down(i)) * n + across(j)
    z = tl.load(score + place, mask=inside, other=0.0)
    offset = head * features * stride
    g = score_gradient_tile(
        z, dht + offset, stride, i, vt + offset, stride, j, False, features, signed, unroll
    )
    tl.store(out + place, g, mask=inside)


@triton.jit
def value_gradient_kernel(
    score, v, dh, out, n, stride, tiles,
    features: tl.constexpr, width: tl.constexpr, own: tl.constexpr, signed: tl.constexpr,
    unroll: tl.constexpr,
):  # fmt: skip
    """dv [items, n, features]; score: [items, n queries, stride keys], times HUGE."""
    head = (tl.program_id(0) // tiles).to(tl.int64)
    j, feature = tl.program_id(0) % tiles * own + span(own), span(width)
    value = tile_of(v + head * n * features, j, n, feature, features)
    total = add_passed(
        empty(own, width), score + head * n * stride, stride, j, value, dh + head * n * features, n, feature,
        features, width, signed, unroll,
    )  # fmt: skip
    store_tile(out + head * n * features, total, j, n, feature, features)
