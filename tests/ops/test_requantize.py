"""Rounding shift and saturation together."""

from __future__ import annotations

import numpy as np
import plain
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from implementations import assert_agrees, every_implementation

from hwsim import ops
from hwsim.errors import HwsimError


@every_implementation
def test_agrees(implementation: str) -> None:
    assert_agrees(implementation, "requantize")


@pytest.mark.parametrize("shift", range(16))
def test_every_16_bit_value(shift: int) -> None:
    x = np.arange(-(1 << 15), 1 << 15)
    rounded = np.floor(x / 2.0**shift + (0.5 if shift else 0))
    np.testing.assert_array_equal(ops.requantize(x, shift, 8), np.clip(rounded, -127, 127))


@given(st.integers(-(1 << 31), (1 << 31) - 1), st.integers(0, 31), st.integers(2, 16))
@settings(deadline=None)
def test_against_plain_python(acc: int, shift: int, bits: int) -> None:
    assert ops.requantize(np.array([acc]), shift, bits).tolist() == [plain.requantize(acc, shift, bits)]


@pytest.mark.parametrize("shift", range(24))
def test_saturation_starts_at_the_last_tie(shift: int) -> None:
    # The largest acc that still rounds to 126, and the next one.
    edge = (126 << shift) + ((1 << shift) >> 1) - 1 if shift else 126
    assert ops.requantize(np.array([edge, edge + 1, edge + (2 << shift)]), shift).tolist() == [126, 127, 127]


def test_refuses_floats() -> None:
    with pytest.raises(HwsimError, match="float32"):
        ops.requantize(np.zeros(3, np.float32), 1)
