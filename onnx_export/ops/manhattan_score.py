"""Manhattan distance of queries and keys, centred: the inhibition score."""

from __future__ import annotations

import numpy as np

from hwsim.onnx_export.builder import Builder
from hwsim.onnx_export.ops.pieces import pieces
from hwsim.onnx_export.ops.round_shift import round_shift
from hwsim.ops.manhattan_score import LARGEST_SCORE

OUT_OF_REACH = (1 << 24) - 1
"""Stands at padded keys while the minimum is taken; no proved distance is larger."""


def manhattan_distance(b: Builder, q: str, k: str, tokens: int, width: int) -> str:
    """sum_k |q_ik - k_jk| [..., n, n] of q, k [..., n, width]; `tokens` is the longest n to be expected."""
    runs = list(pieces(tokens, width))
    total = ""
    for run in runs:
        a, c = (q, k) if len(runs) == 1 else (b.take(q, run, -1), b.take(k, run, -1))
        apart = b.op("Abs", b.op("Sub", b.unsqueeze(a, -2), b.unsqueeze(c, -3)))
        part = b.sum(apart, -1)
        total = b.op("Add", total, part) if total else part
    return total


def manhattan_score(
    b: Builder,
    q: str,
    k: str,
    mask: str,
    shift: int,
    delta: np.ndarray,
    centring: str = "min",
    *,
    tokens: int,
    width: int,
) -> str:
    """min(max(round_shift(z, shift) - c - delta, 0), 127), 127 at padded keys; [..., h, n, n].

    q, k: [..., h, n, width]; mask: 0/1 [..., n]; tokens: the longest n to be expected. The divisor of the
    mean is the number of real keys, the only divisor of the profile that is not a power of two.
    """
    z = round_shift(b, manhattan_distance(b, q, k, tokens, width), shift)
    mask = b.unsqueeze(mask, -3, -2)
    padded = b.op("Sub", 1, mask)
    if centring == "min":
        reachable = b.op("Max", z, b.op("Mul", padded, OUT_OF_REACH))
        z = b.op("Sub", z, b.op("ReduceMin", reachable, axes=[-1], keepdims=1))
    elif centring == "mean":
        total = b.sum(b.op("Mul", z, mask), -1, keep=True)
        z = b.op("Sub", z, b.floor_divide(total, b.sum(mask, -1, keep=True)))
    z = b.op("Sub", z, b.constant(delta.astype(np.int32).reshape(-1, 1, 1), "delta"))
    return b.op("Max", b.clip(z, 0, LARGEST_SCORE), b.op("Mul", padded, LARGEST_SCORE))
