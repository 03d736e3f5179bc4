"""95 % intervals and their tests: of a mean over seeds, and over seeds and examples that are crossed.

docs/protocol.md says which decides what, and why the bootstrap does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwsim.models.science import student

LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """A mean and where it may lie; without ends and p if there are too few values to tell."""

    mean: float
    low: float | None = None
    high: float | None = None
    p: float | None = None
    """Two-sided, of a mean of 0, by the same distribution: below 0.05 where 0 is outside."""


def _around(mean: float, square: float, df: float) -> Interval:
    """From the squared standard error and its degrees of freedom."""
    error = square**0.5
    if not error:
        return Interval(mean, mean, mean, float(mean == 0))
    half = student.quantile((1 + LEVEL) / 2, df) * error
    return Interval(mean, mean - half, mean + half, student.two_sided(mean / error, df))


def over_seeds(values: np.ndarray) -> Interval:
    """Student's t interval of the mean of real values [seeds], and Student's test."""
    n, mean = len(values), float(np.mean(values))
    return Interval(mean) if n < 2 else _around(mean, float(np.var(values, ddof=1)) / n, n - 1)


def crossed(d: np.ndarray) -> Interval:
    """The interval of the mean of d [seeds, examples], every seed on the same examples.

    The variances of both means are added, so their interaction counts twice; degrees of freedom by
    Satterthwaite (1946). Equal rows (seeds without a difference) leave the examples alone, and conversely.
    """
    seeds, examples = d.shape
    mean = float(d.mean())
    if seeds < 2 or examples < 2:
        return Interval(mean)
    of_seeds = float(d.mean(axis=1).var(ddof=1)) / seeds
    of_examples = float(d.mean(axis=0).var(ddof=1)) / examples
    square = of_seeds + of_examples
    spread = of_seeds**2 / (seeds - 1) + of_examples**2 / (examples - 1)
    return _around(mean, square, square**2 / spread if spread else 1.0)


def crossed_bootstrap(d: np.ndarray, draws: int = 10_000, seed: int = 0) -> Interval:
    """The percentile interval over draws of seeds and, independently, of examples (Owen 2007).

    A draw is a weight for each seed and one for each example. Examples on which all seeds say the same
    as on another share one weight, whose distribution is multinomial as well: at most 3^seeds are drawn.
    """
    seeds, examples = d.shape
    columns, counts = np.unique(d, axis=1, return_counts=True)
    generator = np.random.default_rng(seed)
    of_seeds = generator.multinomial(seeds, np.full(seeds, 1 / seeds), draws) / seeds
    of_examples = generator.multinomial(examples, counts / examples, draws) / examples
    values = np.einsum("bn,bn->b", of_seeds @ columns, of_examples)
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(d.mean()), float(low), float(high))
