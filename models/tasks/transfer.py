"""Unlabelled text for distillation: sentences out of longer texts, and phrases out of sentences."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np


def sentences(reviews: Iterable[str], most: int) -> list[str]:
    """Sentences of 3 to 45 words, without repeats, in order; `most` of them, drawn by a fixed seed."""
    found = (part.strip() for review in reviews for part in re.split(r"(?<=[.!?])\s+", review))
    unique = list(dict.fromkeys(part for part in found if 3 <= len(part.split()) <= 45))
    chosen = np.sort(np.random.default_rng(0).permutation(len(unique))[:most])
    return [unique[i] for i in chosen]


def phrases(sentences: Sequence[str], most: int) -> list[str]:
    """`most` spans of words of the sentences, drawn by a fixed seed: where one begins and ends is uniform.

    SST-2 is trained on phrases of sentences; Tang et al. (arXiv 1903.12136) sample n-grams for a student.
    """
    rng = np.random.default_rng(1)
    found = []
    for number in rng.integers(0, len(sentences), most if sentences else 0):
        words = sentences[number].split()
        first, last = sorted(rng.integers(0, len(words), 2))
        found.append(" ".join(words[first : last + 1]))
    return found
