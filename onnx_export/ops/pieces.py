"""How much of an attention head is computed at once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

LARGEST_PIECE = 1 << 20
"""Elements a head of one [n, n, features] temporary may hold (4 MiB of int32)."""


def pieces(tokens: int, width: int) -> Iterator[np.ndarray]:
    """The features 0..width-1 in runs, so that tokens * tokens * run stays within LARGEST_PIECE.

    Short sequences take all features at once (one broadcast), long ones few, in the end one by one.
    """
    run = min(width, max(1, LARGEST_PIECE // tokens**2))
    for start in range(0, width, run):
        yield np.arange(start, min(start + run, width), dtype=np.int32)
