"""Integer arrays to the wide words of a stream and back: lane 0 in the low bits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hwsim.rtl import lanes as packed


def to_words(values: np.ndarray | Sequence[Sequence[int]] | Sequence[int], bits: int) -> list[int]:
    """Integers [beats, lanes] (or [beats]: one lane) as one unsigned word a beat, `bits` a lane.

    Negative values become two's complement. Raises HwsimError for a value that does not fit.
    """
    values = np.asarray(values)
    if values.ndim == 1:
        values = values[:, None]
    size = -(-values.shape[1] * bits // 8)
    return [int.from_bytes(row.tobytes(), "little") for row in packed.pack(values, bits, size)]


def from_words(words: Sequence[int], bits: int, lanes: int = 1, signed: bool = True) -> np.ndarray:
    """The inverse of `to_words`: int64 [beats, lanes]."""
    size = -(-lanes * bits // 8)
    rows = b"".join((word & ((1 << lanes * bits) - 1)).to_bytes(size, "little") for word in words)
    return packed.unpack(np.frombuffer(rows, np.uint8).reshape(len(words), size), lanes, bits, signed)
