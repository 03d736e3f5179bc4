"""Inhibition: soft-thresholded values, summed over the keys."""

from __future__ import annotations

from typing import Any

import numpy as np
import plain
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from implementations import assert_agrees, assert_equal, every_implementation

from hwsim import ops
from hwsim.cases import Case
from hwsim.errors import HwsimError

INT8 = np.arange(-127, 128)
SCORES = np.arange(128)
ONNX = ("onnxruntime", "onnxruntime_unoptimised", "onnxruntime_fast", "onnx_reference")


def plain_inhibit(
    v: list[list[int]], score: list[list[int]], shift: int, signed: bool, bits: int
) -> list[list[int]]:
    """One head, straight from the contract."""

    def kept(value: int, z: int) -> int:
        if not signed:
            return max(value - z, 0)
        sign = (value > 0) - (value < 0)
        return sign * max(abs(value) - z, 0)

    return [
        [
            plain.requantize(sum(kept(row[k], z) for row, z in zip(v, scores, strict=True)), shift, bits)
            for k in range(len(v[0]))
        ]
        for scores in score
    ]


@every_implementation
def test_agrees(implementation: str) -> None:
    assert_agrees(implementation, "inhibit")


@st.composite
def heads(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    tokens, width = draw(st.integers(1, 6)), draw(st.integers(1, 5))
    value, score = st.integers(-127, 127), st.integers(0, draw(st.sampled_from((5, 127))))
    v = draw(st.lists(st.lists(value, min_size=width, max_size=width), min_size=tokens, max_size=tokens))
    z = draw(st.lists(st.lists(score, min_size=tokens, max_size=tokens), min_size=tokens, max_size=tokens))
    return np.array(v), np.array(z)


@given(heads(), st.integers(0, 6), st.booleans(), st.sampled_from((8, 16)))
@settings(deadline=None, max_examples=200)
def test_against_plain_python(
    head: tuple[np.ndarray, np.ndarray], shift: int, signed: bool, bits: int
) -> None:
    v, score = head
    got = ops.inhibit(v, score, shift, signed, bits)
    assert got.dtype == (np.int8 if bits == 8 else np.int16)
    assert got.tolist() == plain_inhibit(v.tolist(), score.tolist(), shift, signed, bits)


@pytest.mark.parametrize("signed", [True, False])
def test_every_value_with_every_score(signed: bool) -> None:
    # One key whose values are all of int8, seen by a query of each score.
    got = ops.inhibit_sum(INT8[None], SCORES[:, None], signed)
    magnitude = np.maximum((np.abs(INT8) if signed else INT8) - SCORES[:, None], 0)
    np.testing.assert_array_equal(got, magnitude * (np.sign(INT8) if signed else 1))


def test_the_three_spellings_of_the_soft_threshold() -> None:
    v, z = INT8, SCORES[:, None]
    kept = ops.inhibit_sum(v[None], z)
    np.testing.assert_array_equal(kept, v - np.clip(v, -z, z))
    positive, negative = np.maximum(v, 0), np.minimum(v, 0)
    np.testing.assert_array_equal(kept, np.maximum(positive - z, 0) + np.minimum(negative + z, 0))


@given(heads())
@settings(deadline=None)
def test_the_fused_forms_of_the_papers(head: tuple[np.ndarray, np.ndarray]) -> None:
    # max(x, 0) = (x + |x|) / 2 is exact in integers, because x + |x| is even.
    v, score = head
    x, z = v[None, :, :], score[:, :, None]
    twice = (x - z + np.abs(x - z)).sum(axis=1)
    assert not (twice % 2).any()
    np.testing.assert_array_equal(ops.inhibit_sum(v, score, signed=False), twice // 2)
    positive, negative = np.maximum(x, 0), np.minimum(x, 0)
    twice = (x + np.abs(positive - z) - np.abs(negative + z)).sum(axis=1)
    np.testing.assert_array_equal(ops.inhibit_sum(v, score), twice // 2)


@pytest.mark.parametrize("signed", [True, False])
def test_a_score_of_127_removes_any_value(signed: bool) -> None:
    assert not ops.inhibit_sum(INT8[:, None], np.full((1, 255), 127), signed).any()


def test_without_inhibition_the_values_are_summed() -> None:
    v = np.random.default_rng(0).integers(-127, 128, (7, 4))
    np.testing.assert_array_equal(ops.inhibit_sum(v, np.zeros((7, 7), int)), np.tile(v.sum(axis=0), (7, 1)))


@pytest.mark.parametrize("implementation", ONNX)
@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("piece", [1, 3 * 25, 1 << 20])
def test_onnx_takes_the_features_in_pieces(
    implementation: str, signed: bool, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hwsim.onnx_export.ops.pieces.LARGEST_PIECE", piece)
    rng = np.random.default_rng(piece)
    inputs: dict[str, Any] = {
        "v": rng.integers(-127, 128, (2, 2, 5, 8)).astype(np.int8),
        "score": rng.integers(0, 128, (2, 2, 5, 5)).astype(np.int8),
    }
    case = Case("inhibit", f"pieces of {piece}", inputs | {"shift": 1, "signed": signed, "bits": 8})
    assert_equal(implementation, case)


@pytest.mark.parametrize(
    ("v", "score", "message"),
    [
        ([[-128]], [[0]], "v holds -128"),
        ([[1]], [[-1]], "score holds -1"),
        ([[1]], [[128]], "score holds 128"),
        ([[1], [2]], [[1]], "do not fit"),
        ([[1.0]], [[1]], "float64"),
        ([1], [[1]], "do not fit"),
    ],
)
def test_refuses(v: list, score: list, message: str) -> None:
    with pytest.raises(HwsimError, match=message):
        ops.inhibit(np.array(v), np.array(score), 0)
