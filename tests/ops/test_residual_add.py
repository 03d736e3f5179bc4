"""Layer onto residual: one rounding, one saturation."""

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
    assert_agrees(implementation, "residual_add")


@given(st.integers(8, 16), st.integers(0, 31), st.data())
@settings(deadline=None, max_examples=200)
def test_against_plain_python(bits: int, shift: int, data: st.DataObject) -> None:
    limit = 2 ** (bits - 1) - 1
    x = data.draw(st.integers(-limit, limit))
    acc = data.draw(st.integers(-(1 << 31), (1 << 31) - 1))
    got = ops.residual_add(np.array([x]), np.array([acc]), shift, bits)
    assert got.tolist() == [plain.saturate(x + plain.round_shift(acc, shift), bits)]


@pytest.mark.parametrize("shift", range(1, 9))
def test_every_16_bit_accumulator(shift: int) -> None:
    acc = np.arange(-(1 << 15), 1 << 15)
    for x in (-32767, -1, 0, 32767):
        want = np.clip(x + np.floor(acc / 2.0**shift + 0.5), -32767, 32767)
        np.testing.assert_array_equal(ops.residual_add(np.full(acc.shape, x), acc, shift), want)


def test_the_layer_is_not_saturated_on_its_own() -> None:
    # 300 alone would not survive 8 bits; with -200 it does.
    assert ops.residual_add(np.array([-100]), np.array([600]), 1, 9).tolist() == [200]
    assert ops.residual_add(np.array([-127]), np.array([180]), 0, 8).tolist() == [53]


@pytest.mark.parametrize(
    ("x", "bits", "shift", "message"),
    [
        ([32768], 16, 0, "x holds 32768"),
        ([-128], 8, 0, "x holds -128"),
        ([0], 8, 32, "0..31"),
        ([0.0], 8, 0, "float64"),
    ],
)
def test_refuses(x: list, bits: int, shift: int, message: str) -> None:
    with pytest.raises(HwsimError, match=message):
        ops.residual_add(np.array(x), np.array([0]), shift, bits)
