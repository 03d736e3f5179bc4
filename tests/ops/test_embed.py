"""Token row plus position row."""

from __future__ import annotations

import numpy as np
import plain
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from implementations import assert_agrees, every_implementation

from hwsim import ops
from hwsim.errors import HwsimError

INT8 = np.arange(-127, 128).astype(np.int8)


@every_implementation
def test_agrees(implementation: str) -> None:
    assert_agrees(implementation, "embed")


@pytest.mark.parametrize("shift", range(8))
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_every_pair(shift: int, bits: int) -> None:
    limit = (1 << (bits - 1)) - 1
    wanted = np.clip((INT8[:, None].astype(int) + INT8) * 2**shift, -limit, limit)
    np.testing.assert_array_equal(ops.embed(INT8[:, None], INT8, shift, bits), wanted)


@given(st.integers(-127, 127), st.integers(-127, 127), st.integers(0, 7), st.integers(8, 16))
@settings(deadline=None)
def test_against_plain_python(token: int, position: int, shift: int, bits: int) -> None:
    got = ops.embed(np.array([token]), np.array([position]), shift, bits)
    assert got.tolist() == [plain.saturate((token + position) * 2**shift, bits)]


@pytest.mark.parametrize(
    ("token", "shift", "message"),
    [
        ([-128], 0, "token holds -128"),
        ([1.0], 0, "float64"),
        ([1], 8, "0..7"),
        ([1], -1, "0..7"),
        ([1], True, "whole"),
    ],
)
def test_refuses(token: list, shift: int, message: str) -> None:
    with pytest.raises(HwsimError, match=message):
        ops.embed(np.array(token), np.array([0]), shift)
