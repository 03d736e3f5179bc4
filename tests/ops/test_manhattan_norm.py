"""Normalisation by the Manhattan norm."""

from __future__ import annotations

from math import floor, log2

import numpy as np
import plain
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from implementations import assert_agrees, assert_equal, every_implementation

from hwsim import ops, sizes
from hwsim.cases import Case
from hwsim.errors import HwsimError

TABLE = (15, 13, 12, 11, 10, 10, 9, 8)


def plain_norm(x: list[int]) -> list[int]:
    """The definition, in whole numbers of any size."""
    norm = max(1, sum(map(abs, x)))
    exponent = norm.bit_length() - 1
    mantissa = 8 * norm // 2**exponent - 8
    shift = max(exponent - 1 - floor(log2(len(x))), 0)
    return [plain.requantize(value * TABLE[mantissa], shift, 8) for value in x]


@every_implementation
def test_agrees(implementation: str) -> None:
    assert_agrees(implementation, "manhattan_norm")


@pytest.mark.parametrize(
    "implementation", ["onnxruntime", "onnxruntime_unoptimised", "onnxruntime_fast", "onnx_reference"]
)
@pytest.mark.parametrize("width", sizes.WIDTHS)
def test_onnx_at_every_exponent_and_mantissa(implementation: str, width: int) -> None:
    # One large element sets the norm: each power of two, and both sides of each step of the mantissa.
    steps = {(8 + m) * 2**e // 8 + d for e in range(24) for m in range(9) for d in (-1, 0, 1)}
    x = np.zeros((len(steps), width), np.int32)
    x[:, 0] = [min(step, (1 << 20) - 1) for step in sorted(steps)]
    x[:, 1:16] = np.maximum(np.array(sorted(steps))[:, None] - x[:, :1], 0) // 15
    assert_equal(implementation, Case("manhattan_norm", f"steps, width {width}", {"x": x}))


@given(st.lists(st.integers(-32767, 32767), min_size=1, max_size=40))
@settings(deadline=None)
def test_against_plain_python(x: list[int]) -> None:
    assert ops.manhattan_norm(np.array(x, np.int16)).tolist() == plain_norm(x)


@given(st.lists(st.integers(-(1 << 17), 1 << 17), min_size=1, max_size=40))
@settings(deadline=None)
def test_wide_sums_against_plain_python(x: list[int]) -> None:
    assert ops.manhattan_norm(np.array(x, np.int32)).tolist() == plain_norm(x)


@pytest.mark.parametrize("exponent", range(1, 24))
def test_around_every_power_of_two(exponent: int) -> None:
    for norm in (2**exponent - 1, 2**exponent, min(2**exponent + 1, 2**24 - 1)):
        row = [norm // 2, 0, -(norm - norm // 2), 0]
        assert ops.manhattan_norm(np.array(row)).tolist() == plain_norm(row)


@pytest.mark.parametrize("width", sizes.WIDTHS)
def test_mean_magnitude_comes_out_near_32(width: int) -> None:
    x = np.random.default_rng(0).normal(0, 3000, (200, width)).clip(-32767, 32767).astype(np.int16)
    # Between two powers of two a width is treated like the lower one.
    spread = 2 ** floor(log2(width)) / width
    assert 30 * spread < np.abs(ops.manhattan_norm(x).astype(int)).mean() < 34 * spread


@given(st.lists(st.integers(-8000, 8000), min_size=8, max_size=16))
@settings(deadline=None)
def test_doubling_a_large_row_changes_nothing(x: list[int]) -> None:
    x[0] = 8000
    row = np.array(x, np.int16)
    np.testing.assert_array_equal(ops.manhattan_norm(row), ops.manhattan_norm(2 * row))


def test_a_zero_row_stays_zero() -> None:
    assert not ops.manhattan_norm(np.zeros((2, 16), np.int16)).any()


def test_the_limit_of_the_norm() -> None:
    row = np.array([(1 << 24) - 1, 0], np.int32)
    assert ops.manhattan_norm(row).tolist() == plain_norm(row.tolist())
    with pytest.raises(HwsimError, match="below 2\\^24"):
        ops.manhattan_norm(row + np.array([1, 0], np.int32))


@pytest.mark.parametrize(
    ("x", "message"),
    [(np.ones(4), "float64"), (np.ones((4, 0), int), "at least one"), (np.int64(3), "shape")],
)
def test_refuses(x: np.ndarray, message: str) -> None:
    with pytest.raises(HwsimError, match=message):
        ops.manhattan_norm(x)
