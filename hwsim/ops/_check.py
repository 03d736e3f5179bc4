"""Checks at the public edge of the operators: integer dtype, range, shape."""

from __future__ import annotations

import numpy as np

from hwsim.errors import HwsimError

Array = np.ndarray


def integers(name: str, x: Array, bits: int | None = None) -> Array:
    """Return `x` as an array after checking that it holds integers within +-M(bits).

    Raises HwsimError for a float, bool or object array, and for a value outside the symmetric range.
    """
    x = np.asarray(x)
    if x.dtype.kind not in "iu":
        raise HwsimError(f"{name} has dtype {x.dtype}; the integer operators take integer arrays only")
    if bits is not None and x.size:
        low, high = int(x.min()), int(x.max())
        limit = (1 << (bits - 1)) - 1
        if low < -limit or high > limit:
            raise HwsimError(
                f"{name} holds {low if low < -limit else high}, outside the symmetric "
                f"{bits}-bit range -{limit}..{limit}; saturate it first"
            )
    return x


def shift(name: str, value: int, most: int = 31) -> int:
    """Return `value` as an int after checking that it is a whole number in 0..most."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise HwsimError(f"{name} is {value!r}; a shift is a whole number")
    if not 0 <= value <= most:
        raise HwsimError(f"{name} is {value}; a shift lies in 0..{most}")
    return int(value)


def mask(name: str, value: Array, tokens: int) -> Array:
    """Return a padding mask [..., tokens] as bool, True at real tokens; every row needs a real token."""
    value = np.asarray(value)
    if value.dtype != np.bool_:
        raise HwsimError(f"{name} has dtype {value.dtype}; a mask is boolean, True at real tokens")
    if value.ndim < 1 or value.shape[-1] != tokens:
        raise HwsimError(f"{name} has shape {value.shape}; its last axis must have {tokens} tokens")
    if not value.any(axis=-1).all():
        raise HwsimError(f"{name} has a row without a real token; drop empty sequences")
    return value
