"""Sum over the real tokens."""

from __future__ import annotations

import numpy as np

from hwsim.ops import _check


def pool(x: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """sum over real tokens of x; `manhattan_norm` follows and removes the length.

    x: int8 [..., n, d]; mask: bool [..., n]. Returns int32 [..., d].
    """
    x = _check.integers("x", x, 8)
    mask = _check.mask("mask", mask, x.shape[-2])
    return np.where(mask[..., None], x, 0).sum(axis=-2, dtype=np.int32)
