"""Integer weights as signed digits, and the hardware's stream of them.

A weight is a short sum of +-2^t without two neighbouring digits (canonical signed digits, Reitwiesner
1960): 7 = 8 - 1 has two. A layer costs one cycle a digit, so a pruned weight costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwsim.errors import HwsimError

GAP_BITS = 6
SKIP = (1 << GAP_BITS) - 1
"""The gap code that moves on by SKIP inputs and adds nothing."""

LAST, DOUBLE, SIGN = 1 << 8, 1 << 7, 1 << 6


def planes(limit: int) -> int:
    """Digit planes for weights up to `limit`: 1 for 1 (ternary), 4 for 7 (int4), 8 for 127 (int8)."""
    return 1 if limit == 1 else int(limit).bit_length() + 1


def to_digits(weight: np.ndarray, limit: int) -> np.ndarray:
    """Canonical signed digits, int8 [planes, *weight.shape], plane t worth 2^t.

    Raises HwsimError if a weight exceeds `limit` (1, 7 or 127).
    """
    rest = np.asarray(weight).astype(np.int32)
    if rest.size and np.abs(rest).max() > limit:
        raise HwsimError(f"a weight is {rest.flat[np.abs(rest).argmax()]}; the limit is +-{limit}")
    digits = np.zeros((planes(limit), *rest.shape), np.int8)
    for plane in digits:
        # An odd rest takes +1 if it is 1 modulo 4, else -1: the rest is then divisible by four.
        plane[...] = np.where(rest & 1, 2 - (rest & 3), 0)
        rest = (rest - plane) >> 1
    return digits


def from_digits(digits: np.ndarray) -> np.ndarray:
    """The weights of canonical digits, int8. Raises HwsimError if digits are not canonical or exceed int8."""
    digits = np.asarray(digits)
    if digits.dtype != np.int8 or digits.ndim < 1 or (digits.size and np.abs(digits).max() > 1):
        raise HwsimError("signed digits are int8 values -1, 0 or 1, one plane a power of two")
    if ((digits[1:] != 0) & (digits[:-1] != 0)).any():
        raise HwsimError("two neighbouring signed digits are non-zero; use canonical signed digits")
    weight = sum((plane.astype(np.int32) << t for t, plane in enumerate(digits)), np.zeros((), np.int32))
    if weight.size and np.abs(weight).max() > 127:
        raise HwsimError(f"a weight is {np.abs(weight).max()} in magnitude; the limit is 127")
    return np.asarray(weight).astype(np.int8)


def count(weight: np.ndarray) -> int:
    """Non-zero signed digits of integer weights up to 127: the additions a token costs."""
    values, times = np.unique(weight, return_counts=True)
    return int(np.count_nonzero(to_digits(values, 127), axis=0) @ times)


@dataclass(frozen=True)
class DigitStream:
    """The entries a `linear` row engine reads: one a clock, row after row.

    An entry is 9 bits {last, double, sign, gap[5:0]}. The input index starts a row at -1; each entry
    first moves it on by gap + 1 and adds (sign 0) or subtracts (sign 1) that input; gap 63 moves on by
    63 and adds nothing. `double` doubles the accumulator first and restarts the index at -1 (Horner:
    digits of a row are sorted by plane, high first). `last` ends the row: the bias is added.
    """

    entries: np.ndarray
    """uint16 [entries]."""
    rows: int

    @property
    def additions(self) -> int:
        """Entries that add an input; the rest are skips."""
        return int(((self.entries & SKIP) != SKIP).sum())


def encode(weight: np.ndarray, least: int = 1) -> DigitStream:
    """Turn weights int8 [o, k] into a digit stream.

    least: pad every row with skips to so many entries (a row engine's serial requantiser needs it).
    A row without weights gets one skip, an empty plane between two others one doubling skip.
    """
    weight = np.asarray(weight)
    if weight.ndim != 2:
        raise HwsimError(f"weight has shape {weight.shape}; a digit stream needs [outputs, inputs]")
    digits = to_digits(weight, 127)
    entries: list[int] = []
    for row in range(weight.shape[0]):
        start = len(entries)
        used = np.flatnonzero(digits[:, row].any(axis=1))
        for plane in range(int(used.max(initial=-1)), -1, -1):
            double = DOUBLE if len(entries) > start else 0
            index = -1
            for k in np.flatnonzero(digits[plane, row]).tolist():
                while k - index - 1 >= SKIP:
                    entries.append(double | SKIP)
                    double, index = 0, index + SKIP
                sign = SIGN if digits[plane, row, k] < 0 else 0
                entries.append(double | sign | (k - index - 1))
                double, index = 0, k
            if double:
                entries.append(double | SKIP)
        while len(entries) - start < least:
            entries.append(SKIP)
        entries[-1] |= LAST
    return DigitStream(np.array(entries, np.uint16), weight.shape[0])


def decode(stream: DigitStream, inputs: int) -> np.ndarray:
    """The weights int32 [rows, inputs] that a row engine applies when it reads the stream.

    Raises HwsimError if the stream points past `inputs` or has another number of rows.
    """
    weight = np.zeros((stream.rows, inputs), np.int32)
    row, index = 0, -1
    for entry in stream.entries.tolist():
        if row >= stream.rows:
            raise HwsimError(f"the digit stream has more than {stream.rows} rows")
        if entry & DOUBLE:
            weight[row] *= 2
            index = -1
        gap = entry & SKIP
        if gap == SKIP:
            index += SKIP
        else:
            index += gap + 1
            if index >= inputs:
                raise HwsimError(f"the digit stream points at input {index} of {inputs} in row {row}")
            weight[row, index] += -1 if entry & SIGN else 1
        if entry & LAST:
            row, index = row + 1, -1
    if row != stream.rows:
        raise HwsimError(f"the digit stream ends in row {row} of {stream.rows}")
    return weight
