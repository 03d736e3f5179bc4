"""Manhattan distance of queries and keys, centred: the inhibition score."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial, reduce

import numpy as np

from hwsim.onnx_export.builder import Builder
from hwsim.onnx_export.ops.pieces import pieces
from hwsim.onnx_export.ops.round_shift import round_shift
from hwsim.ops.manhattan_score import LARGEST_SCORE, largest_shifted_distance

OUT_OF_REACH = (1 << 24) - 1
"""Stands at padded keys while the minimum is taken; no proved distance is larger."""


def manhattan_distance(b: Builder, q: str, k: str, tokens: int, width: int) -> str:
    """sum_k |q_ik - k_jk| [..., n, n] of q, k [..., n, width]; `tokens` is the longest n to be expected."""
    if b.distance == "uint8":
        return _distance_of_bytes(b, q, k, tokens, width)
    # Added up one by one, so that no more than two of them are alive.
    parts = (
        b.sum(b.op("Abs", b.op("Sub", b.unsqueeze(a, -2), b.unsqueeze(c, -3))), -1)
        for a, c, _ in _runs(b, q, k, tokens, width)
    )
    return reduce(partial(b.op, "Add"), parts)


def _distance_of_bytes(b: Builder, q: str, k: str, tokens: int, width: int) -> str:
    """The same as 2 sum_k max(q_ik, k_jk) - sum_k q_ik - sum_k k_jk; a product with ones adds bytes up."""
    ones = np.ones((width, 1), np.uint8)
    parts = (
        b.sum_of_bytes(b.op("Max", b.unsqueeze(a, -2), b.unsqueeze(c, -3)), b.constant(ones[:features]))
        for a, c, features in _runs(b, b.uint8(q), b.uint8(k), tokens, width)
    )
    twice = b.op("Mul", reduce(partial(b.op, "Add"), parts), 2)
    rows = b.op("Sub", twice, b.sum(q, -1, keep=True))
    return b.op("Sub", rows, b.unsqueeze(b.sum(k, -1), -2))


def _runs(b: Builder, q: str, k: str, tokens: int, width: int) -> Iterator[tuple[str, str, int]]:
    """(features of q, the same of k, how many), run by run."""
    runs = list(pieces(b.distance, tokens, width))
    for run in runs:
        yield (q, k, width) if len(runs) == 1 else (b.take(q, run, -1), b.take(k, run, -1), len(run))


def quotient(b: Builder, x: str, divisor: str, most: int) -> str:
    """floor(x / divisor) for x >= 0, divisor >= 1 and a quotient of at most `most`, bit by bit.

    A model never divides by anything but a power of two, so none can make a runtime divide by 0.
    """
    found = ""
    for place in reversed(range(most.bit_length())):
        trial = b.op("Add", found, 1 << place) if found else b.constant(1 << place)
        # 1 if trial * divisor <= x, else 0.
        fits = b.clip(b.op("Add", b.op("Sub", x, b.op("Mul", divisor, trial)), 1), 0, 1)
        bit = b.op("Mul", fits, 1 << place)
        found = b.op("Add", found, bit) if found else bit
    return found or b.op("Mul", x, 0)


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

    q, k: [..., h, n, width]; mask: 0/1 [..., n]; tokens: the longest n to be expected.
    """
    z = round_shift(b, manhattan_distance(b, q, k, tokens, width), shift)
    mask = b.unsqueeze(mask, -3, -2)
    padded = b.op("Sub", 1, mask)
    if centring == "min":
        reachable = b.op("Max", z, b.op("Mul", padded, OUT_OF_REACH))
        z = b.op("Sub", z, b.op("ReduceMin", reachable, axes=[-1], keepdims=1))
    elif centring == "mean":
        total = b.sum(b.op("Mul", z, mask), -1, keep=True)
        most = largest_shifted_distance(width, shift)
        z = b.op("Sub", z, quotient(b, total, b.sum(mask, -1, keep=True), most))
    z = b.op("Sub", z, b.constant(delta.astype(np.int32).reshape(-1, 1, 1), "delta"))
    return b.op("Max", b.clip(z, 0, LARGEST_SCORE), b.op("Mul", padded, LARGEST_SCORE))
