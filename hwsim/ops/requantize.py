"""Rounding shift, symmetric saturation, and both together: the only way a wide integer becomes narrow."""

from __future__ import annotations

from enum import Enum

import numpy as np

from hwsim.errors import HwsimError
from hwsim.ops import _check


class Rounding(Enum):
    """The rounding rules of hwsim: there is exactly one."""

    HALF_UP = "half_up"
    """floor((x + 2^(s-1)) / 2^s): ties go up, towards plus infinity, so -0.5 becomes 0 and 0.5 becomes 1."""


def largest(bits: int) -> int:
    """M(bits) = 2^(bits-1) - 1, the largest magnitude of a symmetric `bits`-bit integer."""
    if not 2 <= bits <= 32:
        raise HwsimError(f"a tensor of {bits} bits is not supported; use 2..32")
    return (1 << (bits - 1)) - 1


def narrowest(bits: int) -> type[np.signedinteger]:
    """The NumPy container of a symmetric `bits`-bit tensor: int8, int16 or int32."""
    return np.int8 if bits <= 8 else np.int16 if bits <= 16 else np.int32


def round_shift(x: np.ndarray, shift: int | np.ndarray) -> np.ndarray:
    """Shift right by `shift` >= 0 bits with `Rounding.HALF_UP`.

    x: integers, any shape; shift: one whole number 0..31, or an array of them that broadcasts with x.
    Returns int64 of the broadcast shape. Raises HwsimError for floats and for shifts outside 0..31.
    """
    x = _check.integers("x", x).astype(np.int64)
    shifts = _check.integers("shift", np.asarray(shift))
    if shifts.size and (shifts.min() < 0 or shifts.max() > 31):
        raise HwsimError(f"shift spans {shifts.min()}..{shifts.max()}; a shift lies in 0..31")
    shifts = shifts.astype(np.int64)
    half = (np.int64(1) << shifts) >> np.int64(1)
    return (x + half) >> shifts


def saturate(x: np.ndarray, bits: int) -> np.ndarray:
    """Clamp to the symmetric range -M(bits)..M(bits); returns the narrowest container of `bits` bits."""
    limit = largest(bits)
    return np.clip(_check.integers("x", x), -limit, limit).astype(narrowest(bits))


def requantize(acc: np.ndarray, shift: int | np.ndarray, bits: int = 8) -> np.ndarray:
    """saturate(round_shift(acc, shift), bits). Scales are powers of two, so this needs no multiplier.

    acc: integers, any shape; returns int8/int16/int32 (the narrowest that holds `bits`), same shape.
    """
    return saturate(round_shift(acc, shift), bits)
