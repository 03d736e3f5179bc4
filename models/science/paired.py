"""Tests of paired differences by flipped signs, over seeds or over examples; Holm's correction."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from hwsim.errors import HwsimError

MOST_FLIPPED = 20


def sign_flip(differences: Sequence[float] | np.ndarray) -> float:
    """The exact two-sided p: the share of all sign patterns whose sum is at least as far from 0.

    Smallest possible: 2 / 2^n. Raises HwsimError for none or more than 20 differences.
    """
    d = np.asarray(differences, float)
    if not 0 < len(d) <= MOST_FLIPPED:
        raise HwsimError(f"{len(d)} differences; all sign patterns of 1 to {MOST_FLIPPED} can be enumerated")
    sums = np.zeros(1)
    for one in d:
        sums = np.concatenate([sums + one, sums - one])
    # Equal sums may differ in their last bits.
    slack = 1e-12 * np.abs(d).sum()
    return float(np.mean(np.abs(sums) >= abs(d.sum()) - slack))


def flipped_integers(differences: np.ndarray) -> float:
    """The same for many small whole numbers, as mid-p: sums equally far from 0 count half.

    The sum of k differences of magnitude m is m (2 B - k) with B binomial, so the distribution of the total
    is a convolution of a few binomials. With magnitudes 0 and 1 alone this is McNemar's test. 1 where
    nothing differs.
    """
    magnitudes, counts = np.unique(np.abs(differences), return_counts=True)
    distribution = np.ones(1)
    for magnitude, count in zip(magnitudes.tolist(), counts.tolist(), strict=True):
        if magnitude:
            spread = np.zeros(2 * magnitude * count + 1)
            spread[:: 2 * magnitude] = _binomial(count)
            distribution = np.convolve(distribution, spread)
    reach = len(distribution) // 2
    if not reach:
        return 1.0
    distance, observed = np.abs(np.arange(-reach, reach + 1)), abs(int(np.sum(differences)))
    further, equal = distribution[distance > observed].sum(), distribution[distance == observed].sum()
    return min(1.0, float(further + equal / 2))


def mcnemar(right_a: np.ndarray, right_b: np.ndarray) -> float:
    """McNemar's mid-p of two models on the same examples: bool [examples] each, whether they were right."""
    return flipped_integers(right_a.astype(int) - right_b.astype(int))


def _binomial(n: int) -> np.ndarray:
    """P(B = 0..n) of n fair coins."""
    logs = [math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) for k in range(n + 1)]
    return np.exp(np.array(logs) - n * math.log(2))


def holm(p: Sequence[float]) -> list[float]:
    """Holm's adjusted p of a family, in the given order: at most alpha where the family's error is alpha."""
    order = sorted(range(len(p)), key=lambda i: p[i])
    stepped = (min(1.0, (len(p) - rank) * p[i]) for rank, i in enumerate(order))
    adjusted = dict(zip(order, itertools.accumulate(stepped, max), strict=True))
    return [adjusted[i] for i in range(len(p))]
