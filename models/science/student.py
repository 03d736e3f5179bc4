"""Student's t distribution with any positive number of degrees of freedom."""

from __future__ import annotations

import math


def cdf(t: float, df: float) -> float:
    """P(T <= t)."""
    tail = 0.5 * _beta(df / (df + t * t), df / 2, 0.5)
    return 1 - tail if t > 0 else tail


def two_sided(t: float, df: float) -> float:
    """P(|T| >= |t|)."""
    return _beta(df / (df + t * t), df / 2, 0.5)


def quantile(p: float, df: float) -> float:
    """The t with P(T <= t) = p, for 0 < p < 1; by bisection, to the last bits."""
    if p < 0.5:
        return -quantile(1 - p, df)
    low, high = 0.0, 1.0
    while cdf(high, df) < p:
        high *= 2
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if cdf(middle, df) < p else (low, middle)
    return high


def _beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):  # the fraction converges fast on the other side alone
        return 1 - _beta(1 - x, b, a)
    logarithm = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return math.exp(logarithm) / (a * _fraction(x, a, b))


def _fraction(x: float, a: float, b: float, terms: int = 200) -> float:
    """1 + d1/(1 + d2/(1 + ...)) of the beta function (DLMF 8.17.22), from its far end."""
    value = 1.0
    for n in range(terms, 0, -1):
        m = n // 2
        if n % 2:
            d = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            d = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        value = 1 + d / value
    return value
