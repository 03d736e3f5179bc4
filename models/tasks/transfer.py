"""Unlabelled text for distillation: sentences of texts, phrases of sentences, blends of training texts."""

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


def blends(texts: Sequence[str], most: int, replaced: float = 0.2) -> list[str]:
    """`most` new texts out of training texts, drawn by a fixed seed, longer ones more often.

    Half of them are a text in which a share of the words gave way to words of all texts, by their frequency;
    half are the beginning of one text and the end of another. A teacher says what they mean. After the word
    replacement and sampling of Tang et al. (arXiv 1903.12136, section 3.2), without a tagger.
    """
    rng = np.random.default_rng(2)
    split = [text.split() for text in texts if text.strip()]
    words = np.array([word for text in split for word in text], dtype=object)
    owner = np.repeat(np.arange(len(split)), [len(text) for text in split])
    found = []
    for number in range(most if split else 0):
        first, second = (split[i] for i in owner[rng.integers(0, len(words), 2)])
        if number % 2:
            gone = rng.random(len(first)) < replaced
            others = iter(words[rng.integers(0, len(words), gone.sum())])
            new = [next(others) if lost else word for word, lost in zip(first, gone, strict=True)]
        else:
            new = first[: rng.integers(1, len(first) + 1)] + second[rng.integers(0, len(second)) :]
        found.append(" ".join(new))
    return found
