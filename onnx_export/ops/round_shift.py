"""Rounding shift: half up, on an exact multiple."""

from __future__ import annotations

from hwsim.errors import UnsupportedError
from hwsim.onnx_export.builder import Builder

LARGEST_SHIFT = 23
"""Of both profiles, as of a ticket."""


def round_shift(b: Builder, x: str, shift: int) -> str:
    """floor((x + 2^(shift-1)) / 2^shift); shift 0..23, since 2^shift must stay below 2^24."""
    if not 0 <= shift <= LARGEST_SHIFT:
        raise UnsupportedError(f"shift is {shift}; an exported graph shifts by 0..{LARGEST_SHIFT}")
    if shift == 0:
        return x
    return b.shift_right(x, shift, plus=1 << (shift - 1))
