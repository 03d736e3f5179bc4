"""Integer logits."""

from __future__ import annotations

import numpy as np
import plain
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from implementations import assert_agrees, every_implementation

from hwsim import ops
from hwsim.errors import HwsimError

ROW = st.lists(st.integers(-127, 127), min_size=4, max_size=4)


@every_implementation
def test_agrees(implementation: str) -> None:
    assert_agrees(implementation, "classify")


@given(
    ROW,
    st.lists(ROW, min_size=2, max_size=2),
    st.lists(st.integers(-(1 << 20), 1 << 20), min_size=2, max_size=2),
)
@settings(deadline=None)
def test_against_plain_python(x: list[int], weight: list[list[int]], bias: list[int]) -> None:
    got = ops.classify(np.array(x), np.array(weight), np.array(bias))
    assert got.dtype == np.int32
    assert got.tolist() == plain.linear(x, weight, bias)


def test_refuses_weights_of_another_width() -> None:
    with pytest.raises(HwsimError, match="do not fit"):
        ops.classify(np.ones((1, 4), int), np.ones((2, 5), int), np.zeros(2, int))
