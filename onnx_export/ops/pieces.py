"""How much of an attention head is computed at once: the forms of `profiles.DISTANCES`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

LARGEST_PIECE = 4 << 20
"""Bytes a head of one [n, n, features] temporary may take."""


def pieces(distance: str, tokens: int, width: int) -> Iterator[np.ndarray]:
    """The features 0..width-1 in runs that are computed at once, for the longest n to be expected.

    By memory, and as bytes: runs so long that a temporary stays within LARGEST_PIECE, so all at once for a
    short sequence, in the end one by one. Broadcast: all at once. Unrolled: one by one.
    """
    fits = LARGEST_PIECE // (tokens**2 * (1 if distance == "uint8" else 4))
    run = {"broadcast": width, "unrolled": 1}.get(distance, min(width, max(1, fits)))
    for start in range(0, width, run):
        yield np.arange(start, min(start + run, width), dtype=np.int32)
