"""Integer linear layer."""

from __future__ import annotations

import numpy as np
import plain
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from implementations import assert_agrees, every_implementation

from hwsim import ops
from hwsim.errors import HwsimError
from hwsim.ops._exact import exact_matmul, integer_matmul


@every_implementation
def test_agrees(implementation: str) -> None:
    assert_agrees(implementation, "linear")


@st.composite
def layers(draw: st.DrawFn) -> tuple[list[int], list[list[int]], list[int]]:
    inputs, outputs = draw(st.integers(1, 12)), draw(st.integers(1, 6))
    limit = draw(st.sampled_from((1, 7, 127)))
    row = st.lists(st.integers(-limit, limit), min_size=inputs, max_size=inputs)
    return (
        draw(st.lists(st.integers(-127, 127), min_size=inputs, max_size=inputs)),
        draw(st.lists(row, min_size=outputs, max_size=outputs)),
        draw(st.lists(st.integers(-(1 << 20), 1 << 20), min_size=outputs, max_size=outputs)),
    )


@given(layers())
@settings(deadline=None)
def test_against_plain_python(layer: tuple[list[int], list[list[int]], list[int]]) -> None:
    x, weight, bias = layer
    got = ops.linear(np.array(x), np.array(weight), np.array(bias))
    assert got.dtype == np.int32
    assert got.tolist() == plain.linear(x, weight, bias)


def test_every_product() -> None:
    x = np.arange(-127, 128)
    got = ops.linear(x[:, None], x[:, None], np.zeros(255, np.int32))
    np.testing.assert_array_equal(got, x[:, None] * x)


@pytest.mark.parametrize("magnitude", [1 << 8, 1 << 12, 1 << 18, 1 << 22])
def test_the_float_unit_is_exact_up_to_its_bound(magnitude: int) -> None:
    # Bounds just below and above 2^24, where it changes from float32 to float64, and close to 2^53.
    rng = np.random.default_rng(magnitude)
    for scale in (1, 15, 17, 127):
        weight = rng.integers(-scale, scale + 1, (8, 300))
        x = rng.choice([-magnitude, magnitude, magnitude - 1], (5, 300))
        np.testing.assert_array_equal(exact_matmul(x, weight), integer_matmul(x, weight))


def test_the_float_unit_is_refused_beyond_2_to_the_53() -> None:
    with pytest.raises(HwsimError, match="2\\^53"):
        exact_matmul(np.array([[1 << 30]]), np.array([[1 << 23]]))


def test_no_rows_give_no_results() -> None:
    assert ops.linear(np.zeros((0, 3), int), np.ones((2, 3), int), np.zeros(2, int)).shape == (0, 2)


@pytest.mark.parametrize(
    ("x", "weight", "bias", "message"),
    [
        ([[1, 2]], [[1, 2, 3]], [0], "do not fit"),
        ([[1, 2]], [[1, 2]], [0, 0], "do not fit"),
        ([[-128, 2]], [[1, 2]], [0], "x holds -128"),
        ([[1, 2]], [[1, -128]], [0], "weight holds -128"),
        ([[1.0, 2]], [[1, 2]], [0], "float64"),
        ([[127, 127]], [[127, 127]], [(1 << 31) - 1], "accumulator"),
    ],
)
def test_refuses(x: list, weight: list, bias: list, message: str) -> None:
    with pytest.raises(HwsimError, match=message):
        ops.linear(np.array(x), np.array(weight), np.array(bias))
