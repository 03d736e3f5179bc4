"""The contract once more in plain Python whole numbers, slow and obvious: what the operators are held to."""

from __future__ import annotations

from fractions import Fraction
from math import floor


def round_shift(x: int, shift: int) -> int:
    return floor(Fraction(x, 2**shift) + Fraction(1, 2)) if shift else x


def saturate(x: int, bits: int) -> int:
    limit = 2 ** (bits - 1) - 1
    return min(max(x, -limit), limit)


def requantize(acc: int, shift: int, bits: int) -> int:
    return saturate(round_shift(acc, shift), bits)


def linear(x: list[int], weight: list[list[int]], bias: list[int]) -> list[int]:
    return [b + sum(w * a for w, a in zip(row, x, strict=True)) for row, b in zip(weight, bias, strict=True)]
