"""Add a layer's accumulator to the residual stream: one rounding, one saturation."""

from __future__ import annotations

import numpy as np

from hwsim.ops import _check
from hwsim.ops.requantize import round_shift, saturate


def residual_add(x: np.ndarray, acc: np.ndarray, shift: int, bits: int = 16) -> np.ndarray:
    """saturate(x + round_shift(acc, shift), bits).

    x: `bits`-bit residual [..., d]; acc: int32 [..., d] straight from `linear`; shift: 0..31.
    Returns the new residual, `bits` bits.
    """
    x = _check.integers("x", x, bits).astype(np.int64)
    return saturate(x + round_shift(acc, _check.shift("shift", shift)), bits)
