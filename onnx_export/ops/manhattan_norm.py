"""Normalisation by the Manhattan norm, with the logarithm and the shift as table look-ups."""

from __future__ import annotations

import numpy as np

from hwsim.onnx_export.builder import Builder
from hwsim.onnx_export.ops.saturate import saturate
from hwsim.ops.manhattan_norm import RECIPROCAL, norm_exponent_offset

EXPONENTS = np.arange(24)
"""floor(log2 L) of a norm 1 <= L < 2^24."""


def manhattan_norm(b: Builder, x: str, width: int) -> str:
    """Each row of x [..., width] divided by its Manhattan norm; see `hwsim.ops.manhattan_norm`.

    The exponent counts the powers of two that the norm reaches; the mantissa is the norm's three bits
    after the leading one; reciprocal, shift and rounding half come out of tables.
    """
    norm = b.op("Max", b.sum(b.op("Abs", x), -1, keep=True), 1)
    below = ((1 << EXPONENTS[1:]) - 1).astype(np.int32)
    exponent = b.sum(b.clip(b.op("Sub", norm, below), 0, 1), -1, keep=True)
    up, down = (
        table.astype(np.int32)
        for table in (1 << np.maximum(3 - EXPONENTS, 0), 1 << np.maximum(EXPONENTS - 3, 0))
    )
    scaled = b.op("Mul", norm, b.take(up, exponent))
    mantissa = b.op("Sub", b.floor_divide(scaled, b.take(down, exponent)), 8)

    power = 1 << np.maximum(EXPONENTS + norm_exponent_offset(width), 0)
    half = b.take((power >> 1).astype(np.int32), exponent)
    product = b.op("Add", b.op("Mul", x, b.take(RECIPROCAL, mantissa)), half)
    return saturate(b, b.floor_divide(product, b.take(power.astype(np.int32), exponent)), 8)
