"""Inhibition: each value is reduced by how far its key is from the query; what remains is summed."""

from __future__ import annotations

import numpy as np

from hwsim.errors import HwsimError
from hwsim.ops import _check
from hwsim.ops.requantize import requantize


def check_values(v: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Checked (v, score) of `inhibit`; raises HwsimError naming the bad one."""
    v = _check.integers("v", v, 8)
    score = _check.integers("score", score, 8)
    if v.ndim < 2 or score.shape[-1] != v.shape[-2]:
        raise HwsimError(
            f"v {v.shape} and score {score.shape} do not fit; v is [..., n, dh], score [..., n, n]"
        )
    if score.size and score.min() < 0:
        raise HwsimError(f"score holds {score.min()}; inhibition scores lie in 0..127")
    return v, score


def inhibit_sum(v: np.ndarray, score: np.ndarray, signed: bool = True) -> np.ndarray:
    """The exact sum H before requantisation; int32 [..., n, dh]. See `inhibit`."""
    v, score = (x.astype(np.int16) for x in check_values(v, score))
    magnitude = np.abs(v) if signed else v
    sign = np.sign(v)
    lead = np.broadcast_shapes(v.shape[:-2], score.shape[:-2])
    total = np.zeros((*lead, score.shape[-2], v.shape[-1]), np.int32)
    for key in range(v.shape[-2]):
        kept = np.maximum(magnitude[..., None, key, :] - score[..., :, key, None], 0)
        total += kept * sign[..., None, key, :] if signed else kept
    return total


def inhibit(v: np.ndarray, score: np.ndarray, shift: int, signed: bool = True, bits: int = 8) -> np.ndarray:
    """H_ik = sum_j sign(v_jk) max(|v_jk| - z'_ij, 0), requantised (signed form: soft-thresholding).

    The unsigned form is sum_j max(v_jk - z'_ij, 0). Signed: arXiv 2503.15983, eq. 2; unsigned:
    arXiv 2310.02041. A padded key has z' = 127 and so adds exactly nothing, because v is symmetric.

    v: int8 [..., n, dh]; score: int8 [..., n, n] in 0..127; shift: 0..31; bits: 8, or 16 when an inner
    norm follows. Returns `bits` bits, [..., n, dh].
    """
    return requantize(inhibit_sum(v, score, signed), _check.shift("shift", shift), bits)
