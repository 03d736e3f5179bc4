"""The inhibition score."""

from __future__ import annotations

from typing import Any

import numpy as np
import plain
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from implementations import assert_agrees, assert_equal, every_implementation

from hwsim import ops, sizes
from hwsim.cases import Case
from hwsim.errors import HwsimError
from hwsim.ops.manhattan_score import CENTRINGS, LARGEST_DELTA, manhattan_distance

INT8 = np.arange(-127, 128).astype(np.int8)
ONNX = ("onnxruntime", "onnxruntime_unoptimised", "onnxruntime_fast", "onnx_reference")


def plain_score(
    q: list[list[int]], k: list[list[int]], real: list[bool], shift: int, delta: int, centring: str
) -> list[list[int]]:
    """One head, straight from the contract."""
    rows = []
    for query in q:
        z = [plain.round_shift(sum(abs(a - b) for a, b in zip(query, key, strict=True)), shift) for key in k]
        among = [value for value, is_real in zip(z, real, strict=True) if is_real]
        centre = {"min": min(among), "mean": sum(among) // len(among), "none": 0}[centring]
        rows.append(
            [
                min(max(value - centre - delta, 0), 127) if is_real else 127
                for value, is_real in zip(z, real, strict=True)
            ]
        )
    return rows


@every_implementation
def test_agrees(implementation: str) -> None:
    assert_agrees(implementation, "manhattan_score")


@st.composite
def heads(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, list[bool], int, int, str]:
    tokens, width = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    near = draw(st.sampled_from((2, 127)))
    row = st.lists(st.integers(-near, near), min_size=width, max_size=width)
    q, k = (np.array(draw(st.lists(row, min_size=tokens, max_size=tokens))) for _ in "qk")
    real = draw(st.lists(st.booleans(), min_size=tokens, max_size=tokens).filter(any))
    delta = draw(st.one_of(st.integers(0, 60), st.just(LARGEST_DELTA)))
    return q, k, real, draw(st.integers(0, 6)), delta, draw(st.sampled_from(CENTRINGS))


@given(heads())
@settings(deadline=None, max_examples=200)
def test_against_plain_python(head: tuple[np.ndarray, np.ndarray, list[bool], int, int, str]) -> None:
    q, k, real, shift, delta, centring = head
    got = ops.manhattan_score(q[None], k[None], np.array(real), shift, np.array([delta]), centring)
    assert got.dtype == np.int8
    assert got[0].tolist() == plain_score(q.tolist(), k.tolist(), real, shift, delta, centring)


def test_the_distance_of_every_pair() -> None:
    column = INT8[:, None]
    np.testing.assert_array_equal(manhattan_distance(column, column), np.abs(column.astype(int) - INT8))


@pytest.mark.parametrize("width", [*sizes.HEAD_WIDTHS, 128, 129])
def test_the_largest_distance(width: int) -> None:
    q = np.full((1, 1, width), 127, np.int8)
    assert manhattan_distance(q, -q).item() == 254 * width


def arguments(tokens: int = 5, width: int = 8, **changes: Any) -> dict[str, Any]:
    rng = np.random.default_rng(tokens * width)
    q, k = rng.integers(-127, 128, (2, 2, 2, tokens, width)).astype(np.int8)
    delta = np.array([0, 3], np.int32)
    return {
        "q": q,
        "k": k,
        "mask": np.ones((2, tokens), bool),
        "shift": 2,
        "delta": delta,
        "centring": "min",
    } | changes


def test_the_nearest_key_is_never_inhibited_when_centred_by_the_minimum() -> None:
    assert (ops.manhattan_score(**arguments()).min(axis=-1) == 0).all()


@pytest.mark.parametrize("centring", CENTRINGS)
def test_what_stands_at_padding_does_not_matter(centring: str) -> None:
    mask = np.array([[1, 0, 1, 1, 0], [0, 0, 0, 1, 0]], bool)
    plain_inputs = arguments(mask=mask, centring=centring)
    want = ops.manhattan_score(**plain_inputs)
    for name in "qk":
        changed = np.where(mask[:, None, :, None], plain_inputs[name], 127).astype(np.int8)
        got = ops.manhattan_score(**plain_inputs | {name: changed})
        real = np.broadcast_to(mask[:, None, :, None], want.shape)
        np.testing.assert_array_equal(got[real], want[real])
    assert (want[np.broadcast_to(~mask[:, None, None, :], want.shape)] == 127).all()


@pytest.mark.parametrize("implementation", ONNX)
@pytest.mark.parametrize("centring", CENTRINGS)
@pytest.mark.parametrize("piece", [1, 3 * 25, 1 << 20])
def test_onnx_takes_the_features_in_pieces(
    implementation: str, centring: str, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 5 tokens: one feature at a time, runs of three of the eight, and all at once.
    monkeypatch.setattr("hwsim.onnx_export.ops.pieces.LARGEST_PIECE", piece)
    assert_equal(implementation, Case("manhattan_score", f"pieces of {piece}", arguments(centring=centring)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"centring": "median"}, "choose one of min, mean, none"),
        ({"delta": np.array([0, -1])}, "delta"),
        ({"delta": np.array([0, LARGEST_DELTA + 1])}, "delta"),
        ({"delta": np.array([0])}, "delta"),
        ({"delta": np.array([0.0, 1.0])}, "float64"),
        ({"mask": np.zeros((2, 5), bool)}, "without a real token"),
        ({"mask": np.ones((2, 4), bool)}, "5 tokens"),
        ({"mask": np.ones((2, 5), np.int32)}, "boolean"),
        ({"shift": 32}, "0..31"),
        ({"q": np.zeros((2, 2, 4, 8), np.int8)}, "share one shape"),
        ({"q": np.full((2, 2, 5, 8), -128, np.int8)}, "-128"),
    ],
)
def test_refuses(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(HwsimError, match=message):
        ops.manhattan_score(**arguments(**changes))
