"""Signed digits and the hardware's stream of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim import digits
from hwsim.errors import HwsimError

ALL = np.arange(-127, 128)
LIMITS = {1: 1, 7: 4, 127: 8}


@pytest.mark.parametrize(("limit", "planes"), LIMITS.items())
def test_every_weight_comes_back(limit: int, planes: int) -> None:
    weight = np.arange(-limit, limit + 1)
    found = digits.to_digits(weight, limit)
    assert found.shape == (planes, 2 * limit + 1)
    assert found.dtype == np.int8
    np.testing.assert_array_equal((found.T * 2 ** np.arange(planes)).sum(axis=1), weight)
    np.testing.assert_array_equal(digits.from_digits(found), weight)


def test_no_two_neighbouring_digits() -> None:
    found = digits.to_digits(ALL, 127)
    assert not ((found[1:] != 0) & (found[:-1] != 0)).any()


def test_no_shorter_sum_of_powers_of_two_exists() -> None:
    # Level by level: the numbers that n signed powers of two can make.
    fewest, reached = {0: 0}, {0}
    for level in range(1, 5):
        reached = {value + sign * 2**t for value in reached for sign in (-1, 1) for t in range(9)}
        for value in reached:
            fewest.setdefault(value, level)
    for weight in ALL.tolist():
        assert digits.count(np.array([weight])) == fewest[weight], weight


def test_count_is_the_number_of_non_zero_digits() -> None:
    assert digits.count(np.array([[0, 1, -1], [7, 5, 127]])) == 0 + 1 + 1 + 2 + 2 + 2


@pytest.mark.parametrize(("limit", "weight"), [(1, 2), (1, -2), (7, 8), (127, -128)])
def test_a_weight_beyond_its_limit_is_refused(limit: int, weight: int) -> None:
    with pytest.raises(HwsimError, match=f"a weight is {weight}; the limit is \\+-{limit}"):
        digits.to_digits(np.array([0, weight]), limit)


@pytest.mark.parametrize(
    ("planes", "message"),
    [
        (np.array([[1], [1]], np.int8), "neighbouring"),
        (np.array([[2]], np.int8), "-1, 0 or 1"),
        (np.array([[1]], np.int32), "int8"),
        (np.array([[0]] * 7 + [[1]], np.int8), "128 in magnitude"),
    ],
)
def test_digits_that_are_not_canonical_are_refused(planes: np.ndarray, message: str) -> None:
    with pytest.raises(HwsimError, match=message):
        digits.from_digits(planes)


@st.composite
def weights(draw: st.DrawFn) -> np.ndarray:
    """Few weights in long rows, so that every kind of gap occurs."""
    limit, inputs, outputs = (
        draw(st.sampled_from((1, 7, 127))),
        draw(st.integers(1, 300)),
        draw(st.integers(1, 4)),
    )
    weight = np.zeros((outputs, inputs), np.int8)
    place = st.tuples(st.integers(0, outputs - 1), st.integers(0, inputs - 1), st.integers(-limit, limit))
    for row, column, value in draw(st.lists(place, max_size=12)):
        weight[row, column] = value
    return weight


@given(weights(), st.integers(1, 9))
@settings(deadline=None, max_examples=200)
def test_a_stream_gives_its_weights_back(weight: np.ndarray, least: int) -> None:
    stream = digits.encode(weight, least)
    np.testing.assert_array_equal(digits.decode(stream, weight.shape[1]), weight)
    assert stream.additions == digits.count(weight)
    ends = np.flatnonzero(stream.entries & digits.LAST)
    assert len(ends) == stream.rows == len(weight)
    assert np.diff(ends, prepend=-1).min() >= least
    assert stream.entries.max() < 1 << 9


@pytest.mark.parametrize("place", [0, 62, 63, 64, 125, 126, 127, 189, 299])
def test_gaps_around_the_skip_code(place: int) -> None:
    weight = np.zeros((2, 300), np.int8)
    weight[0, place] = 1
    weight[1, [0, place]] = -1
    stream = digits.encode(weight)
    np.testing.assert_array_equal(digits.decode(stream, 300), weight)
    skips = int(((stream.entries & digits.SKIP) == digits.SKIP).sum())
    assert skips == place // 63 + max(place - 1, 0) // 63


def test_an_empty_row_takes_one_entry() -> None:
    stream = digits.encode(np.zeros((3, 5), np.int8))
    assert stream.entries.tolist() == [digits.LAST | digits.SKIP] * 3
    assert stream.additions == 0


def test_an_empty_plane_takes_one_doubling_entry() -> None:
    entries = digits.encode(np.array([[5]], np.int8)).entries.tolist()
    assert entries == [0, digits.DOUBLE | digits.SKIP, digits.LAST | digits.DOUBLE]


@pytest.mark.parametrize(
    ("entries", "rows", "inputs", "message"),
    [
        ([digits.LAST | 5], 1, 5, "input 5 of 5"),
        ([0], 1, 5, "ends in row 0 of 1"),
        ([digits.LAST, digits.LAST], 1, 5, "more than 1 rows"),
    ],
)
def test_a_damaged_stream_is_refused(entries: list[int], rows: int, inputs: int, message: str) -> None:
    with pytest.raises(HwsimError, match=message):
        digits.decode(digits.DigitStream(np.array(entries, np.uint16), rows), inputs)


def test_a_stream_needs_rows_and_inputs() -> None:
    with pytest.raises(HwsimError, match="outputs, inputs"):
        digits.encode(np.zeros(4, np.int8))
