"""Inhibition: what remains of the values after the scores are taken off, summed over the keys."""

from __future__ import annotations

from hwsim.onnx_export.builder import Builder
from hwsim.onnx_export.ops.pieces import pieces
from hwsim.onnx_export.ops.requantize import requantize


def inhibit_sum(b: Builder, v: str, score: str, signed: bool, tokens: int, width: int) -> str:
    """The exact sum over the keys [b, h, n, width] of v [b, h, n, width] and score [b, h, n, n].

    Signed: v - clip(v, -score, score), the soft threshold. The keys are the last axis of the temporary
    [b, h, queries, features, keys], because runtimes sum over the last axis fastest.
    """
    values = b.op("Transpose", v, perm=[0, 1, 3, 2])
    scores = b.unsqueeze(score, -2)
    runs = list(pieces(tokens, width))
    sums = []
    negative = b.op("Sub", 0, scores) if signed else ""
    for run in runs:
        x = b.unsqueeze(values if len(runs) == 1 else b.take(values, run, -2), -3)
        if signed:
            kept = b.op("Sub", x, b.op("Max", b.op("Min", x, scores), negative))
        else:
            kept = b.op("Max", b.op("Sub", x, scores), 0)
        sums.append(b.sum(kept, -1))
    return sums[0] if len(sums) == 1 else b.op("Concat", *sums, axis=-1)


def inhibit(
    b: Builder, v: str, score: str, shift: int, signed: bool = True, bits: int = 8, *, tokens: int, width: int
) -> str:
    """The sum, requantised; see `hwsim.ops.inhibit`. tokens: the longest n to be expected."""
    return requantize(b, inhibit_sum(b, v, score, signed, tokens, width), shift, bits)
