"""Symmetric saturation."""

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
    assert_agrees(implementation, "saturate")


@pytest.mark.parametrize("bits", range(2, 17))
def test_every_16_bit_value(bits: int) -> None:
    x = np.arange(-(1 << 15), 1 << 15)
    assert ops.saturate(x, bits).tolist() == [plain.saturate(v, bits) for v in x.tolist()]


@given(st.integers(-(1 << 40), 1 << 40), st.integers(2, 32))
@settings(deadline=None)
def test_is_symmetric_and_idempotent(x: int, bits: int) -> None:
    once = ops.saturate(np.array([x]), bits)
    assert once.tolist() == [plain.saturate(x, bits)]
    assert ops.saturate(np.array([-x]), bits).tolist() == [-once[0]]
    assert ops.saturate(once, bits).tolist() == once.tolist()


@pytest.mark.parametrize(
    ("bits", "dtype"), [(2, np.int8), (8, np.int8), (9, np.int16), (16, np.int16), (17, np.int32)]
)
def test_takes_the_narrowest_container(bits: int, dtype: type) -> None:
    assert ops.saturate(np.array([1 << 33]), bits).dtype == dtype


def test_the_most_negative_value_never_comes_out() -> None:
    assert ops.saturate(np.array([-128, -(1 << 15)]), 8).tolist() == [-127, -127]
    assert ops.saturate(np.array([-(1 << 15)]), 16).tolist() == [-32767]


@pytest.mark.parametrize("bits", [-1, 0, 1, 33])
def test_refuses_other_widths(bits: int) -> None:
    with pytest.raises(HwsimError, match=f"{bits} bits"):
        ops.saturate(np.array([0]), bits)


def test_refuses_floats() -> None:
    with pytest.raises(HwsimError, match="float64"):
        ops.saturate(np.array([0.0]), 8)
