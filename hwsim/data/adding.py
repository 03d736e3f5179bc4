"""The adding problem, which the Inhibitor paper uses (arXiv 2310.02041; Hochreiter & Schmidhuber 1997).

A sequence of random numbers in [0, 1], two of them marked; the answer is the sum of the marked ones. The
papers feed pairs of reals (number, mark). An integer model reads token ids, so here a number is one of
LEVELS grid points and its mark is part of its id: id = 1 + level + LEVELS * marked, and id 0 is padding.
"""

from __future__ import annotations

import numpy as np

from hwsim.errors import HwsimError

LEVELS = 64
VOCABULARY = 1 + 2 * LEVELS
COUNTS = {"train": 20_000, "dev": 2_000, "test": 2_000}


def adding(split: str, tokens: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """(token ids int32 [count, tokens], sums float32 [count]); the same numbers at every call.

    One mark lies in each half of the sequence. Raises HwsimError for an unknown split or fewer than two
    tokens.
    """
    if split not in COUNTS or tokens < 2:
        raise HwsimError(f"the adding problem has the splits {', '.join(COUNTS)} and at least 2 tokens")
    rng = np.random.default_rng([list(COUNTS).index(split), tokens])
    count = COUNTS[split]
    level = rng.integers(0, LEVELS, (count, tokens))
    half = tokens // 2
    marked = np.stack([rng.integers(0, half, count), rng.integers(half, tokens, count)], axis=1)
    token_ids = 1 + level
    rows = np.arange(count)[:, None]
    token_ids[rows, marked] += LEVELS
    sums = level[rows, marked].sum(axis=1) / (LEVELS - 1)
    return token_ids.astype(np.int32), sums.astype(np.float32)
