"""How far apart a query and a key are: the inhibition score."""

from __future__ import annotations

from typing import Any

import numpy as np

from hwsim.errors import HwsimError
from hwsim.ops import _check
from hwsim.ops.requantize import round_shift

CENTRINGS = ("min", "mean", "none")
LARGEST_SCORE = 127
LARGEST_DELTA = (1 << 15) - 1


def largest_shifted_distance(width: int, shift: int) -> int:
    """The largest round_shift(z, shift) that any int8 q and k of this head width can have."""
    return int(round_shift(np.array(254 * width), shift))


def manhattan_distance(q: np.ndarray, k: np.ndarray) -> np.ndarray:
    """z_ij = sum_k |q_ik - k_jk|; q, k int8 [..., n, dh]; returns int32 [..., n, n], no [n, n, dh] tensor."""
    tokens = q.shape[-2]
    container: Any = np.int16 if q.shape[-1] <= 128 else np.int32
    z = np.zeros((*np.broadcast_shapes(q.shape[:-2], k.shape[:-2]), tokens, tokens), container)
    columns = q.astype(container), k.astype(container)
    for feature in range(q.shape[-1]):
        z += np.abs(columns[0][..., :, None, feature] - columns[1][..., None, :, feature])
    return z.astype(np.int32)


def check_score(
    q: np.ndarray, k: np.ndarray, mask: np.ndarray, shift: int, delta: np.ndarray, centring: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int, np.ndarray]:
    """The checked arguments of `manhattan_score` but its centring; raises HwsimError naming the bad one."""
    q = _check.integers("q", q, 8)
    k = _check.integers("k", k, 8)
    if q.ndim < 3 or q.shape != k.shape:
        raise HwsimError(f"q {q.shape} and k {k.shape} must share one shape [..., heads, tokens, width]")
    mask = _check.mask("mask", mask, q.shape[-2])
    delta = _check.integers("delta", delta)
    if delta.shape != (q.shape[-3],) or delta.min() < 0 or delta.max() > LARGEST_DELTA:
        raise HwsimError(
            f"delta has shape {delta.shape}; it needs {q.shape[-3]} values in 0..{LARGEST_DELTA}"
        )
    if centring not in CENTRINGS:
        raise HwsimError(f"centring is {centring!r}; choose one of {', '.join(CENTRINGS)}")
    return q, k, mask, _check.shift("shift", shift), delta


def manhattan_score(
    q: np.ndarray,
    k: np.ndarray,
    mask: np.ndarray,
    shift: int,
    delta: np.ndarray,
    centring: str = "min",
) -> np.ndarray:
    """z'_ij = min(max(round_shift(z_ij, shift) - c_i - delta_h, 0), 127); 127 at padded keys.

    The centre c_i is the minimum over the real keys (`min`), floor(sum / n_real) over them (`mean`),
    or 0 (`none`). It differs from the Inhibitor paper's mean (arXiv 2503.15983) by default: with the
    minimum the nearest key is never inhibited.

    q, k: int8 [..., h, n, dh]; mask: bool [..., n], True at real tokens; shift: 0..31; delta: int [h],
    0..2^15-1. Returns int8 [..., h, n, n], 0..127 (queries, keys).
    """
    q, k, mask, shift, delta = check_score(q, k, mask, shift, delta, centring)
    score = round_shift(manhattan_distance(q, k), shift)
    real = mask[..., None, None, :]
    if centring == "min":
        score = score - np.where(real, score, np.iinfo(np.int64).max).min(axis=-1, keepdims=True)
    elif centring == "mean":
        score = score - np.where(real, score, 0).sum(-1, keepdims=True) // real.sum(-1, keepdims=True)
    score = np.clip(score - delta[:, None, None].astype(np.int64), 0, LARGEST_SCORE)
    return np.where(real, score, LARGEST_SCORE).astype(np.int8)
