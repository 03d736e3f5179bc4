"""Numbers to port bytes and back: flat vectors with lane 0 in the low bits, low byte first."""

from __future__ import annotations

import numpy as np

from hwsim.errors import HwsimError


def pack(values: np.ndarray, bits: int, size: int) -> np.ndarray:
    """Integers [rows, lanes], `bits` wide each (two's complement), as uint8 rows [rows, size].

    The bits above lanes * bits are 0. Raises HwsimError for a value that does not fit, signed or unsigned.
    """
    values = np.asarray(values)
    if values.ndim != 2 or values.dtype.kind not in "iub":
        raise HwsimError(f"a port takes integers [rows, lanes], not {values.dtype} {values.shape}")
    if bits > 64:
        raise HwsimError(f"a lane has at most 64 bits, not {bits}; give a wide port as several lanes")
    if bits < 64 and values.size and (values.min() < -(1 << bits >> 1) or values.max() >= 1 << bits):
        raise HwsimError(f"{values.min()}..{values.max()} does not fit a lane of {bits} bits")
    rows, lanes = values.shape
    octets = np.ascontiguousarray(values, "<i8" if values.dtype.kind == "i" else "<u8").view(np.uint8)
    if bits % 8 == 0:
        packed = octets.reshape(rows, lanes, 8)[:, :, : bits // 8].reshape(rows, -1)
    else:
        single = np.unpackbits(octets.reshape(rows, lanes, 8), axis=2, bitorder="little")[:, :, :bits]
        packed = np.packbits(single.reshape(rows, -1), axis=1, bitorder="little")
    out = np.zeros((rows, size), np.uint8)
    out[:, : packed.shape[1]] = packed
    return out


def unpack(octets: np.ndarray, lanes: int, bits: int, signed: bool = True) -> np.ndarray:
    """uint8 rows [rows, size] as int64 [rows, lanes] of `bits`-bit lanes; bits <= 64 (63 if unsigned)."""
    rows = octets.shape[0]
    wide = np.zeros((rows, lanes, 8), np.uint8)
    if bits % 8 == 0:
        wide[:, :, : bits // 8] = octets[:, : lanes * bits // 8].reshape(rows, lanes, bits // 8)
    else:
        single = np.unpackbits(octets, axis=1, count=lanes * bits, bitorder="little")
        packed = np.packbits(single.reshape(rows, lanes, bits), axis=2, bitorder="little")
        wide[:, :, : packed.shape[2]] = packed
    values = wide.view("<i8")[:, :, 0].astype(np.int64)
    if signed:
        values = (values << (64 - bits)) >> (64 - bits)
    return values
