"""Operands in the order in which the rank-one loops read them: feature by feature, padded to whole tiles."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from hwsim.models.kernels.tiles import power_of_two_above

TOKENS = 32
"""Tokens a program transposes."""


@triton.jit
def transpose_kernel(
    x, y, out, items, n, stride, tiles,
    features: tl.constexpr, slices: tl.constexpr, width: tl.constexpr, packed: tl.constexpr,
    tokens: tl.constexpr,
):  # fmt: skip
    """x, y [items, n, features] -> [2, items, slices, stride], zero beyond n.

    packed: a slice is four biased bytes.
    """
    head = (tl.program_id(0) // tiles).to(tl.int64)
    out += head * slices * stride
    if head >= items:
        head -= items
        x = y
    token = tl.program_id(0) % tiles * tokens + tl.arange(0, tokens)
    part = tl.arange(0, width)
    if packed:
        byte = tl.arange(0, 4)
        feature = part[None, :, None] * 4 + byte[None, None, :]
        place = (head * n + token[:, None, None]) * features + feature
        inside = (token[:, None, None] < n) & (feature < features)
        whole = tl.load(x + place, mask=inside, other=0.0).to(tl.int32) + 128
        rows = tl.sum(whole << (8 * byte[None, None, :]), 2)
    else:
        inside = (token[:, None] < n) & (part[None, :] < features)
        rows = tl.load(x + (head * n + token[:, None]) * features + part[None, :], mask=inside, other=0.0)
    target = out + part[:, None] * stride + token[None, :]
    tl.store(target, tl.trans(rows), mask=(part[:, None] < slices) & (token[None, :] < stride))


def padded_length(tokens: int, *tiles: int) -> int:
    """`tokens` rounded up to a multiple of every tile size (powers of two)."""
    largest = max(*tiles, TOKENS)
    return -(-tokens // largest) * largest


def feature_slices(x: Tensor, y: Tensor, length: int, packed: bool = False) -> Tensor:
    """x, y [items, n, features] -> [2, items, slices, length], in one launch.

    A slice is a feature, or four whole ones, |x| <= 127.
    """
    items, n, features = x.shape
    slices = -(-features // 4) if packed else features
    out = x.new_empty(2, items, slices, length, dtype=torch.int32 if packed else x.dtype)
    tiles = length // TOKENS
    transpose_kernel[(2 * items * tiles,)](
        x, y, out, items, n, length, tiles,
        features=features, slices=slices, width=power_of_two_above(slices), packed=packed, tokens=TOKENS,
    )  # fmt: skip
    return out
