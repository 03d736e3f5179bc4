"""Token row plus position row: the only operator that shifts left."""

from __future__ import annotations

import numpy as np

from hwsim.ops import _check
from hwsim.ops.requantize import saturate

LARGEST_SHIFT = 7


def embed(token: np.ndarray, position: np.ndarray, shift: int, bits: int = 16) -> np.ndarray:
    """saturate((token + position) * 2^shift, bits).

    token, position: int8 rows [..., d] already looked up (the host does that), broadcast together;
    shift: 0..7. Returns the residual stream, `bits` bits wide, [..., d].
    """
    token = _check.integers("token", token, 8).astype(np.int32)
    position = _check.integers("position", position, 8).astype(np.int32)
    return saturate((token + position) << _check.shift("shift", shift, LARGEST_SHIFT), bits)
