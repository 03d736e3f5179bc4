"""Sum over the real tokens."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from implementations import assert_agrees, every_implementation

from hwsim import ops, sizes
from hwsim.errors import HwsimError


@every_implementation
def test_agrees(implementation: str) -> None:
    assert_agrees(implementation, "pool")


@given(
    st.lists(st.tuples(st.lists(st.integers(-127, 127), min_size=3, max_size=3), st.booleans()), min_size=1)
)
@settings(deadline=None)
def test_against_plain_python(tokens: list[tuple[list[int], bool]]) -> None:
    tokens[0] = (tokens[0][0], True)
    x, mask = np.array([row for row, _ in tokens]), np.array([real for _, real in tokens])
    want = [sum(row[k] for row, real in tokens if real) for k in range(3)]
    assert ops.pool(x, mask).tolist() == want


@pytest.mark.parametrize("tokens", sizes.MAX_TOKENS)
def test_the_largest_sum_is_exact(tokens: int) -> None:
    x = np.full((tokens, 2), 127, np.int8) * np.array([1, -1], np.int8)
    got = ops.pool(x, np.ones(tokens, bool))
    assert got.dtype == np.int32
    assert got.tolist() == [127 * tokens, -127 * tokens]


@pytest.mark.parametrize(
    ("x", "mask", "message"),
    [
        ([[1, 2]], [False], "without a real token"),
        ([[1, 2]], [True, True], "1 tokens"),
        ([[1, 2]], [1], "boolean"),
        ([[-128, 2]], [True], "-128"),
        ([[1.0, 2]], [True], "float64"),
    ],
)
def test_refuses(x: list, mask: list, message: str) -> None:
    with pytest.raises(HwsimError, match=message):
        ops.pool(np.array(x), np.array(mask))
