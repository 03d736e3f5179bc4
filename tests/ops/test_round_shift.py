"""Rounding shift: half up, everywhere."""

from __future__ import annotations

import numpy as np
import plain
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from implementations import assert_agrees, every_implementation

from hwsim import cases, ops
from hwsim.errors import HwsimError


@every_implementation
def test_agrees(implementation: str) -> None:
    assert_agrees(implementation, "round_shift")


@pytest.mark.parametrize("shift", range(32))
def test_ties_and_their_neighbours(shift: int) -> None:
    half = (1 << shift) >> 1
    centres = [n * (1 << shift) + half for n in range(-5, 6)]
    x = [c + d for c in centres for d in (-1, 0, 1)]
    assert ops.round_shift(np.array(x), shift).tolist() == [plain.round_shift(v, shift) for v in x]


def test_half_goes_up_whatever_the_sign() -> None:
    assert ops.round_shift(np.array([-3, -1, 1, 3]), 1).tolist() == [-1, 0, 1, 2]


@pytest.mark.parametrize("shift", range(17))
def test_every_16_bit_value(shift: int) -> None:
    x = np.arange(-(1 << 15), 1 << 15)
    # Both terms are exact in float64.
    np.testing.assert_array_equal(ops.round_shift(x, shift), np.floor(x / 2.0**shift + (0.5 if shift else 0)))


@given(st.lists(st.integers(-(1 << 31), (1 << 31) - 1), min_size=1, max_size=20), st.integers(0, 31))
@settings(deadline=None)
def test_against_fractions(values: list[int], shift: int) -> None:
    got = ops.round_shift(np.array(values, np.int64), shift)
    assert got.tolist() == [plain.round_shift(value, shift) for value in values]


@given(st.lists(st.tuples(st.integers(-(1 << 24), 1 << 24), st.integers(0, 31)), min_size=1, max_size=20))
@settings(deadline=None)
def test_one_shift_an_element(pairs: list[tuple[int, int]]) -> None:
    x, shifts = np.array(pairs).T
    assert ops.round_shift(x, shifts).tolist() == [plain.round_shift(*pair) for pair in pairs]


@pytest.mark.parametrize(
    ("x", "shift", "message"),
    [
        (np.array([1.5]), 1, "x has dtype float64"),
        (np.array([True]), 1, "x has dtype bool"),
        (np.array([1]), -1, "shift"),
        (np.array([1]), 32, "shift"),
        (np.array([1]), np.array([1.0]), "shift has dtype float64"),
    ],
)
def test_refuses(x: np.ndarray, shift: int, message: str) -> None:
    with pytest.raises(HwsimError, match=message):
        ops.round_shift(x, shift)


def test_the_shared_cases_hold_the_ties_of_every_shift() -> None:
    for shift in range(1, 23):
        values = cases.ties(shift).astype(np.int64)
        assert ((values % (1 << shift)) == (1 << shift) >> 1).sum() >= 2
