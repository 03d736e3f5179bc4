"""Inhibition: what remains of the values after the scores are taken off, summed over the keys."""

from __future__ import annotations

from collections.abc import Iterator

from hwsim.onnx_export.builder import UINT8, ZERO_POINT, Builder
from hwsim.onnx_export.ops.pieces import pieces
from hwsim.onnx_export.ops.requantize import requantize


def inhibit_sum(b: Builder, v: str, score: str, signed: bool, tokens: int, width: int) -> str:
    """The exact sum over the keys [b, h, n, width] of v [b, h, n, width] and score [b, h, n, n].

    Signed: v - clip(v, -score, score), the soft threshold. The keys are the last axis of the temporary
    [b, h, queries, features, keys], because runtimes sum over the last axis fastest.
    """
    if b.distance == "uint8":
        return _inhibit_sum_of_bytes(b, v, score, signed, tokens, width)
    values = b.op("Transpose", v, perm=[0, 1, 3, 2])
    scores = b.unsqueeze(score, -2)
    negative = b.op("Sub", 0, scores) if signed else ""
    sums = []
    for x in _runs(b, values, tokens, width):
        if signed:
            kept = b.op("Sub", x, b.op("Max", b.op("Min", x, scores), negative))
        else:
            kept = b.op("Max", b.op("Sub", x, scores), 0)
        sums.append(b.sum(kept, -1))
    return _joined(b, sums)


def _inhibit_sum_of_bytes(b: Builder, v: str, score: str, signed: bool, tokens: int, width: int) -> str:
    """The same from bytes, by what the sum over the keys leaves over.

    Signed: sum_j v - sum_j clip(v, -score, score). Unsigned: sum_j max(v, score) - sum_j score. A product
    with ones adds the bytes up.
    """
    values = b.uint8(b.op("Transpose", v, perm=[0, 1, 3, 2]))
    high = b.unsqueeze(b.uint8(score), -2)
    if signed:
        low = b.unsqueeze(b.op("Cast", b.op("Sub", ZERO_POINT, score), to=UINT8), -2)
    ones = _ones(b, score)
    sums = []
    for x in _runs(b, values, tokens, width):
        kept = b.op("Max", b.op("Min", x, high), low) if signed else b.op("Max", x, high)
        sums.append(b.sum_of_bytes(kept, ones))
    total = _joined(b, sums)
    if signed:
        return b.op("Sub", b.sum(v, -2, keep=True), total)
    return b.op("Sub", total, b.sum(score, -1, keep=True))


def _ones(b: Builder, score: str) -> str:
    """As many ones as there are keys, uint8 [n, 1]."""
    row = b.op("ReduceMin", score, axes=[0, 1, 2], keepdims=0)
    return b.unsqueeze(b.op("Cast", b.clip(row, 1, 1), to=UINT8), -1)


def _runs(b: Builder, values: str, tokens: int, width: int) -> Iterator[str]:
    """values [b, h, features, keys] as [b, h, 1, some features, keys], run by run."""
    runs = list(pieces(b.distance, tokens, width))
    for run in runs:
        yield b.unsqueeze(values if len(runs) == 1 else b.take(values, run, -2), -3)


def _joined(b: Builder, sums: list[str]) -> str:
    return sums[0] if len(sums) == 1 else b.op("Concat", *sums, axis=-1)


def inhibit(
    b: Builder, v: str, score: str, shift: int, signed: bool = True, bits: int = 8, *, tokens: int, width: int
) -> str:
    """The sum, requantised; see `hwsim.ops.inhibit`. tokens: the longest n to be expected."""
    return requantize(b, inhibit_sum(b, v, score, signed, tokens, width), shift, bits)
