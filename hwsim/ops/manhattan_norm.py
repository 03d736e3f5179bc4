"""Normalisation by the Manhattan (L1) norm: no square, root, divider or multiplier."""

from __future__ import annotations

import numpy as np

from hwsim.errors import HwsimError
from hwsim.ops import _check
from hwsim.ops.requantize import requantize

RECIPROCAL = np.array([15, 13, 12, 11, 10, 10, 9, 8], dtype=np.int32)
"""About 128 / (8 + m + 1/2): the reciprocal of the norm's three bits after its leading one."""

NORM_LIMIT = 1 << 24
_POWERS = (1 << np.arange(1, 25)).astype(np.int64)


def norm_exponent_offset(width: int) -> int:
    """c = -1 - floor(log2 width), which brings the mean magnitude of the output near 32."""
    return -int(width).bit_length()


def manhattan_norm(x: np.ndarray) -> np.ndarray:
    """Divide each row by its L1 norm, to three significant bits, so that mean(abs(y)) is near 32.

    With L = max(1, sum_k |x_k|), e = floor(log2 L), m = floor(8 L / 2^e) - 8 and
    s = max(e + c, 0): y_k = saturate(round_shift(x_k * RECIPROCAL[m], s), 8). The product is at most
    four conditional additions in hardware.

    x: int8, int16 or int32 rows [..., width] with L < 2^24. Returns int8 [..., width].
    Raises HwsimError if a row's norm reaches 2^24.
    """
    x = _check.integers("x", x).astype(np.int64)
    if x.ndim < 1 or x.shape[-1] < 1:
        raise HwsimError(f"x has shape {x.shape}; a row needs at least one element")
    norm = np.maximum(np.abs(x).sum(axis=-1, keepdims=True), 1)
    if norm.size and norm.max() >= NORM_LIMIT:
        raise HwsimError(f"a row's Manhattan norm is {norm.max()}; it must stay below 2^24 = {NORM_LIMIT}")
    exponent = np.searchsorted(_POWERS, norm, side="right")
    mantissa = ((8 * norm) >> exponent) - 8
    shift = np.maximum(exponent + norm_exponent_offset(x.shape[-1]), 0)
    return requantize(x * RECIPROCAL[mantissa], shift, 8)
