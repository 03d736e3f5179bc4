"""Integer intervals of a row of numbers, and what the operators do to them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwsim import digits
from hwsim.ops.manhattan_norm import RECIPROCAL
from hwsim.ops.requantize import largest, round_shift


@dataclass(frozen=True)
class Interval:
    """Element k of a row lies in low[k]..high[k] (int64 arrays of one shape), whatever the input."""

    low: np.ndarray
    high: np.ndarray

    @classmethod
    def full(cls, bits: int, width: int) -> Interval:
        """Everything a symmetric `bits`-bit row of `width` elements may hold."""
        limit = np.full(width, largest(bits), np.int64)
        return cls(-limit, limit)

    @property
    def magnitude(self) -> np.ndarray:
        """The largest |x_k| of each element."""
        return np.maximum(np.abs(self.low), np.abs(self.high))

    def __add__(self, other: Interval) -> Interval:
        return Interval(self.low + other.low, self.high + other.high)

    def plus(self, constant: int | np.ndarray) -> Interval:
        """Both ends moved by a constant (or by one constant an element)."""
        return Interval(self.low + constant, self.high + constant)

    def times(self, factor: int) -> Interval:
        """Both ends times a factor >= 0."""
        return Interval(self.low * factor, self.high * factor)

    def round_shift(self, shift: int) -> Interval:
        """`ops.round_shift` is monotone, so its ends are those of the interval."""
        return Interval(round_shift(self.low, shift), round_shift(self.high, shift))

    def clip(self, low: int, high: int) -> Interval:
        """Both ends clamped to low..high."""
        return Interval(np.clip(self.low, low, high), np.clip(self.high, low, high))

    def saturate(self, bits: int) -> Interval:
        """The interval after `ops.saturate`."""
        return self.clip(-largest(bits), largest(bits))

    def heads(self, heads: int) -> Interval:
        """A row of width d as [heads, d / heads]."""
        return Interval(self.low.reshape(heads, -1), self.high.reshape(heads, -1))


def _extremes(coefficients: np.ndarray, x: Interval) -> tuple[np.ndarray, np.ndarray]:
    """Per element, the least and the largest coefficient * x_k."""
    ends = coefficients * x.low, coefficients * x.high
    return np.minimum(*ends), np.maximum(*ends)


def linear(weight: np.ndarray, x: Interval) -> Interval:
    """Bounds of weight @ x per output; both are reached by some x of the interval."""
    low, high = _extremes(weight.astype(np.int64), x)
    return Interval(low.sum(axis=1), high.sum(axis=1))


def any_order(weight: np.ndarray, bias: np.ndarray, x: Interval) -> tuple[int, int]:
    """Bounds of every partial sum of weight @ x + bias, in whatever order a runtime adds the terms."""
    low, high = _extremes(weight.astype(np.int64), x)
    low, high = np.minimum(low, 0).sum(axis=1), np.maximum(high, 0).sum(axis=1)
    return int((low + np.minimum(bias, 0)).min()), int((high + np.maximum(bias, 0)).max())


def horner(weight: np.ndarray, x: Interval) -> tuple[int, int]:
    """Bounds of every partial sum a row engine sees when it reads the layer's digit stream.

    Within plane p each input k already passed counts with the coefficient 2 P_k + digit_k, each other
    one with 2 P_k, where P is the weight read from the higher planes. Every bound is reached by some x.
    """
    planes = digits.to_digits(weight, 127)
    prefix = np.zeros(weight.shape, np.int64)
    lowest = highest = 0
    for plane in planes[::-1]:
        if not prefix.any() and not plane.any():
            continue
        before, after = _extremes(2 * prefix, x), _extremes(2 * prefix + plane, x)
        low, high = (old.sum(axis=1) for old in before)
        sink, rise = (np.cumsum(new - old, axis=1) for old, new in zip(before, after, strict=True))
        lowest = min(lowest, int((low + np.minimum(sink.min(axis=1), 0)).min()))
        highest = max(highest, int((high + np.maximum(rise.max(axis=1), 0)).max()))
        prefix = 2 * prefix + plane
    return lowest, highest


def norm_row_limit(width: int) -> int:
    """The largest Manhattan norm of a row that `manhattan_norm` returns.

    L < 2^e (9 + m) / 8, so sum_k |x_k| R[m] / 2^s < (9 + m) R[m] / 8 * 2^(e - s) with e - s at most the bit
    length of the width; rounding adds at most one half an element.
    """
    worst = int(((9 + np.arange(8)) * RECIPROCAL).max())
    return (worst << int(width).bit_length()) // 8 + (width + 1) // 2


def norm(x: Interval) -> Interval:
    """`manhattan_norm` keeps the sign and saturates to 8 bits; one large element reaches the limit."""
    limit = largest(8)
    return Interval(np.where(x.low < 0, -limit, 0), np.where(x.high > 0, limit, 0))


def distance(q: Interval, k: Interval) -> Interval:
    """Manhattan distance per head of q, k [heads, dh]."""
    far = np.maximum(q.high - k.low, k.high - q.low)
    near = np.maximum(np.maximum(q.low - k.high, k.low - q.high), 0)
    return Interval(near.sum(axis=-1), far.sum(axis=-1))
