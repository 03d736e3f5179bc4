"""Intervals and tests of hwsim.models.science against enumeration, definition, tables and simulation."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim.errors import HwsimError
from hwsim.models.science import paired, student
from hwsim.models.science.intervals import Interval, crossed, crossed_bootstrap, over_seeds

SMALL = st.lists(st.integers(-4, 4), min_size=1, max_size=9)


@pytest.mark.parametrize(
    ("p", "df", "value"),
    [
        (0.975, 1, 12.706205),
        (0.975, 2, 4.302653),
        (0.975, 4, 2.776445),
        (0.95, 10, 1.812461),
        (0.995, 30, 2.749996),
    ],
)
def test_quantiles_of_the_tables(p, df, value):
    assert student.quantile(p, df) == pytest.approx(value, abs=1e-6)
    assert student.quantile(1 - p, df) == pytest.approx(-value, abs=1e-6)


@given(st.floats(-30, 30), st.floats(0.6, 300))
@settings(max_examples=60, deadline=None)
def test_distribution_is_the_integral_of_its_density(t, df):
    x = np.linspace(0, abs(t), 20_001)
    scale = math.exp(math.lgamma((df + 1) / 2) - math.lgamma(df / 2)) / math.sqrt(df * math.pi)
    area = np.trapezoid(scale * (1 + x * x / df) ** (-(df + 1) / 2), x)
    assert student.cdf(t, df) == pytest.approx(0.5 + math.copysign(area, t), abs=1e-6)
    assert student.two_sided(t, df) == pytest.approx(1 - 2 * area, abs=1e-6)


@given(st.lists(st.floats(-1, 1, width=16), min_size=1, max_size=8))
@settings(max_examples=100, deadline=None)
def test_sign_flip_is_the_enumeration(values):
    exact = [Fraction(value) for value in values]  # no rounding at all
    patterns = list(itertools.product((1, -1), repeat=len(values)))
    sums = [abs(sum(s * v for s, v in zip(signs, exact, strict=True))) for signs in patterns]
    expected = sum(one >= abs(sum(exact)) for one in sums) / len(patterns)
    assert paired.sign_flip(values) == expected


def test_five_seeds_cannot_say_less_than_a_sixteenth():
    assert paired.sign_flip([3.0, 1.0, 2.0, 0.1, 7.0]) == 1 / 16
    assert paired.sign_flip(-np.ones(5)) == 1 / 16
    assert paired.sign_flip(np.ones(15)) == 2 / 2**15
    assert paired.sign_flip([1.0, -1.0]) == 1.0
    assert paired.sign_flip(np.zeros(5)) == 1.0
    for wrong in ([], np.ones(21)):
        with pytest.raises(HwsimError, match="sign patterns"):
            paired.sign_flip(wrong)


@given(SMALL)
@settings(max_examples=100, deadline=None)
def test_flipped_integers_is_the_enumeration(values):
    sums = [
        abs(sum(s * v for s, v in zip(signs, values, strict=True)))
        for signs in itertools.product((1, -1), repeat=len(values))
    ]
    observed = abs(sum(values))
    expected = sum((one > observed) + (one == observed) / 2 for one in sums) / len(sums) if any(values) else 1
    assert paired.flipped_integers(np.array(values)) == pytest.approx(expected, abs=1e-12)


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 50))
@settings(max_examples=100, deadline=None)
def test_mcnemar_is_the_binomial_sum(b, c, same):
    right_a = np.array([True] * b + [False] * c + [True] * same + [False])
    right_b = np.array([False] * b + [True] * c + [True] * same + [False])
    n, low = b + c, min(b, c)
    tail = sum(math.comb(n, k) for k in range(low + 1))
    # Fagerland, Lydersen, Laake (2013): the exact p less the probability of what was seen.
    exact = (
        Fraction(2 * tail - math.comb(n, low), 2**n)
        if b != c
        else 1 - Fraction(math.comb(n, low), 2 ** (n + 1))
    )
    assert paired.mcnemar(right_a, right_b) == pytest.approx(float(exact) if n else 1.0, abs=1e-12)
    assert paired.mcnemar(right_b, right_a) == paired.mcnemar(right_a, right_b)


def test_large_counts_neither_overflow_nor_vanish():
    d = np.repeat([5, -3, 1, 0], [300, 200, 900, 1100])
    assert 0 < paired.flipped_integers(d) < 1e-20
    assert paired.flipped_integers(np.array([1, -1] * 1250)) == pytest.approx(1, abs=0.01)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.floats(0.001, 0.999))
@settings(max_examples=200, deadline=None)
def test_holm_rejects_what_its_steps_reject(p, alpha):
    """Definition: go up from the smallest, stop at the first above alpha / (how many are left)."""
    rejected, left = set(), len(p)
    for i in sorted(range(len(p)), key=lambda i: p[i]):
        if left * p[i] > alpha:
            break
        rejected.add(i)
        left -= 1
    assert {i for i, one in enumerate(paired.holm(p)) if one <= alpha} == rejected
    assert all(one >= own for one, own in zip(paired.holm(p), p, strict=True))


def test_holm_by_hand():
    assert paired.holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert paired.holm([]) == []


def test_t_test_and_interval_agree():
    d = np.array([0.3, 0.1, -0.1, 0.4, 0.2])
    found = over_seeds(d)
    assert found.mean == pytest.approx(0.18)
    assert (found.high - found.low) / 2 == pytest.approx(2.776445 * np.std(d, ddof=1) / 5**0.5, abs=1e-6)
    assert over_seeds(d - found.low).p == pytest.approx(0.05, abs=1e-9)
    assert over_seeds(np.zeros(5)) == Interval(0.0, 0.0, 0.0, 1.0)
    assert over_seeds(np.ones(5)) == Interval(1.0, 1.0, 1.0, 0.0)
    assert over_seeds(np.ones(1)) == Interval(1.0)


def test_crossed_interval_by_hand():
    d = np.array([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
    of_seeds = np.var([2 / 3, 1 / 3], ddof=1) / 2
    of_examples = np.var([0.5, 0.0, 1.0], ddof=1) / 3
    square = of_seeds + of_examples
    df = square**2 / (of_seeds**2 / 1 + of_examples**2 / 2)
    found = crossed(d)
    assert found.mean == 0.5
    assert found.high - found.mean == pytest.approx(student.quantile(0.975, df) * square**0.5)
    assert found.p == pytest.approx(student.two_sided(0.5 / square**0.5, df))
    assert crossed(np.zeros((5, 9))) == Interval(0.0, 0.0, 0.0, 1.0)
    assert crossed(np.ones((1, 9))) == Interval(1.0)


def test_bootstrap_is_fixed_and_draws_the_same_examples_for_all_seeds():
    d = np.random.default_rng(1).integers(-1, 2, (5, 300)).astype(float)
    assert crossed_bootstrap(d) == crossed_bootstrap(d)
    # Rows that are all alike leave the spread of the examples alone: sd / sqrt(n), not less by sqrt(5).
    same = np.tile(d[0], (5, 1))
    found = crossed_bootstrap(same)
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * d[0].std() / 300**0.5, rel=0.05)


def planted(generator, effect: float, spread: float, seeds: int = 5, examples: int = 872) -> np.ndarray:
    """d [seeds, examples] of two methods: examples have a difficulty, trainings a skill, answers a noise."""
    difficulty = generator.normal(1.2, 1.5, examples)
    skill = generator.normal(0, spread, (2, seeds, 1)) + np.array([effect, 0])[:, None, None]
    right = difficulty + skill + generator.normal(0, 0.7, (2, seeds, examples)) > 0
    return right[0].astype(int) - right[1].astype(int)


@pytest.mark.parametrize("spread", [0.05, 0.3])
def test_without_an_effect_five_in_a_hundred_at_most(spread):
    """The interval that decides keeps its level however much seeds differ; the bootstrap does not."""
    generator = np.random.default_rng(3)
    runs = [planted(generator, 0.0, spread) for _ in range(400)]
    missed = np.mean([crossed(d).p <= 0.05 for d in runs])
    assert missed <= 0.05 + 2 * (0.05 * 0.95 / 400) ** 0.5
    drawn = [crossed_bootstrap(d, 200) for d in runs[:150]]
    bootstrap = np.mean([one.low > 0 or one.high < 0 for one in drawn])
    assert (bootstrap > 0.1) == (spread == 0.3)


def test_effects_are_found():
    generator = np.random.default_rng(4)
    runs = [planted(generator, 0.35, 0.05) for _ in range(60)]  # about four points
    assert np.mean([crossed(d).p <= 0.05 for d in runs]) > 0.9
    assert np.mean([paired.flipped_integers(d.sum(axis=0)) < 0.001 for d in runs]) > 0.9
    assert np.mean([paired.sign_flip(d.mean(axis=1)) == 1 / 16 for d in runs]) > 0.9


def test_pooling_over_seeds_keeps_the_level_of_the_examples():
    """Seeds that share the difficulty of examples, but not skills: flipping examples is exact."""
    generator = np.random.default_rng(5)
    p = np.array(
        [paired.flipped_integers(planted(generator, 0.0, 0.0, 3, 300).sum(axis=0)) for _ in range(1000)]
    )
    for level in (0.01, 0.05, 0.2):
        assert abs(np.mean(p <= level) - level) < 3 * (level * (1 - level) / 1000) ** 0.5


@given(st.floats(0, 0.5))
@settings(max_examples=20, deadline=None)
def test_sign_flip_keeps_its_level(alpha):
    """Exactly: over all patterns of any differences, p <= alpha happens at most in a share of alpha."""
    values = np.array([0.3, 1.0, 0.25, 2.0, 0.7])
    p = [paired.sign_flip(values * signs) for signs in itertools.product((1, -1), repeat=5)]
    assert np.mean(np.array(p) <= alpha) <= alpha
