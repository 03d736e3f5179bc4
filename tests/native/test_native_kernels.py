"""Every set of kernels of this processor gives the integers of `hwsim.ops`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim import native, ops
from hwsim.cases import cases
from hwsim.errors import HwsimError, UnsupportedError
from hwsim.native import layers, operators
from hwsim.ops.manhattan_score import CENTRINGS

INT8 = np.arange(-127, 128, dtype=np.int8)
every_kernel = pytest.mark.parametrize("name", native.NAMES)
seeds = st.integers(0, 2**32 - 1)


def assert_same(name: str, operator: str, **arguments: Any) -> None:
    got, want = getattr(operators, operator)(name, **arguments), getattr(ops, operator)(**arguments)
    assert got.dtype == want.dtype
    np.testing.assert_array_equal(got, want)


def test_the_kernels_are_built() -> None:
    assert native.NAMES[-1] == "portable"


@every_kernel
@pytest.mark.parametrize("operator", operators.OPERATORS)
def test_shared_cases(name: str, operator: str) -> None:
    for case in cases(operator, seed=5):
        assert_same(name, operator, **case.arguments)


@every_kernel
@pytest.mark.parametrize("centring", CENTRINGS)
def test_every_query_with_every_key(name: str, centring: str) -> None:
    heads = INT8[None, None, :, None]
    for shift, delta in ((0, 0), (1, 0), (3, 5)):
        delta_h = np.array([delta])
        mask = np.ones((1, 255), bool)
        assert_same(
            name,
            "manhattan_score",
            q=heads,
            k=heads,
            mask=mask,
            shift=shift,
            delta=delta_h,
            centring=centring,
        )


@every_kernel
@pytest.mark.parametrize("signed", [True, False])
def test_every_value_with_every_score(name: str, signed: bool) -> None:
    # 255 sequences of one key, whose 128 queries are heads: each sees all values.
    score = np.arange(128, dtype=np.int8)[:, None, None]
    v = np.tile(INT8, (128, 1, 1))
    for bits in (8, 16):
        assert_same(name, "inhibit", v=v, score=score, shift=0, signed=signed, bits=bits)


@every_kernel
@pytest.mark.parametrize("sparse", [True, False])
def test_every_input_with_every_weight(name: str, sparse: bool) -> None:
    weight = (np.array([-1, 0, 1], np.int8) if sparse else INT8)[:, None]
    bias = np.zeros(len(weight), np.int32)
    got = operators.linear(name, INT8[:, None], weight, bias, sparse=sparse)
    np.testing.assert_array_equal(got, ops.linear(INT8[:, None], weight, bias))


@every_kernel
def test_the_norm_of_every_int16_and_of_every_pair_of_int8(name: str) -> None:
    assert_same(name, "manhattan_norm", x=np.arange(-(1 << 15), 1 << 15).astype(np.int16)[:, None])
    pairs = np.stack(np.meshgrid(INT8, INT8), axis=-1).reshape(-1, 2)
    assert_same(name, "manhattan_norm", x=pairs)
    assert_same(name, "manhattan_norm", x=pairs.astype(np.int16))


@every_kernel
def test_every_int16_requantised_by_every_shift(name: str) -> None:
    acc = np.arange(-(1 << 15), 1 << 15).astype(np.int32)
    for shift in range(17):
        for bits in (8, 11):
            assert_same(name, "requantize", acc=acc, shift=shift, bits=bits)


def drawn(rng: np.random.Generator, kind: str, *shape: int, limit: int = 127) -> np.ndarray:
    if kind == "extremes":
        return rng.choice(np.array([-limit, limit], np.int8), shape)
    if kind == "largest":
        return np.full(shape, limit, np.int8)
    return rng.integers(-limit, limit + 1, shape).astype(np.int8)


kinds = st.sampled_from(("random", "extremes", "largest"))


@every_kernel
@given(data=st.data(), seed=seeds, kind=kinds)
@settings(deadline=None, max_examples=150)
def test_heads_of_any_shape(name: str, data: st.DataObject, seed: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    shape = tuple(data.draw(st.integers(1, most)) for most in (2, 3, 70, 70))
    q, k, v = (drawn(rng, kind, *shape) for _ in range(3))
    mask = rng.random((shape[0], shape[2])) < data.draw(st.sampled_from((1.0, 0.7, 0.1)))
    mask[:, rng.integers(shape[2])] = True
    delta = rng.integers(0, data.draw(st.sampled_from((1, 100, 1 << 15))), shape[1])
    options = {
        "score_shift": data.draw(st.integers(0, 8) | st.just(31)),
        "inhibit_shift": data.draw(st.integers(0, 8) | st.just(31)),
        "centring": data.draw(st.sampled_from(CENTRINGS)),
        "signed": data.draw(st.booleans()),
        "bits": data.draw(st.sampled_from((8, 16, 3, 11))),
    }
    score, out = operators.inhibitor_head(name, q, k, v, mask, delta, **options)
    want = ops.manhattan_score(q, k, mask, options["score_shift"], delta, options["centring"])
    np.testing.assert_array_equal(score, want)
    wanted = ops.inhibit(v, want, options["inhibit_shift"], options["signed"], options["bits"])
    assert out.dtype == wanted.dtype
    np.testing.assert_array_equal(out, wanted)


@every_kernel
@pytest.mark.parametrize("n", [255, 256, 257, 512, 513, 1024])
@pytest.mark.parametrize("signed", [True, False])
def test_sums_that_fill_16_bits(name: str, n: int, signed: bool) -> None:
    v = np.full((n, 5), 127, np.int8) * np.array([1, -1, 1, -1, 1], np.int8)
    assert_same(name, "inhibit", v=v, score=np.zeros((n, n), np.int8), shift=0, signed=signed, bits=16)
    assert_same(name, "inhibit", v=v, score=np.zeros((n, n), np.int8), shift=9, signed=signed, bits=16)


@every_kernel
@pytest.mark.parametrize("dh", [255, 256, 257, 600])
def test_distances_that_fill_16_bits(name: str, dh: int) -> None:
    q = np.full((1, 1, 5, dh), 127, np.int8) * np.array([1, -1, 1, 1, -1], np.int8)[:, None]
    for shift in (0, 1, 7, 16):
        assert_same(
            name,
            "manhattan_score",
            q=q,
            k=-q,
            mask=np.ones((1, 5), bool),
            shift=shift,
            delta=np.array([3]),
            centring="none",
        )


@every_kernel
@given(data=st.data(), seed=seeds, kind=kinds, limit=st.sampled_from((1, 7, 64, 65, 127)))
@settings(deadline=None, max_examples=150)
def test_linear_layers_of_any_shape(name: str, data: st.DataObject, seed: int, kind: str, limit: int) -> None:
    rng = np.random.default_rng(seed)
    rows, outputs, inputs = (data.draw(st.integers(1, most)) for most in (70, 40, 600))
    keep = rng.random((outputs, inputs)) < data.draw(st.sampled_from((0.05, 0.5, 1.0)))
    weight = np.where(keep, drawn(rng, kind, outputs, inputs, limit=limit), 0).astype(np.int8)
    x = drawn(rng, kind, rows, inputs)
    reach = data.draw(st.sampled_from((1 << 20, 1 << 10, 1)))
    bias = rng.integers(-reach, reach, outputs).astype(np.int32)
    want = ops.linear(x, weight, bias)
    for sparse in (False, True) if layers.sparse_can(weight, bias) else (False,):
        np.testing.assert_array_equal(operators.linear(name, x, weight, bias, sparse=sparse), want)


@every_kernel
def test_sparse_sums_that_fill_16_bits(name: str) -> None:
    # 258 times 127 is 2^15 - 2.
    weight, x = np.ones((1, 258), np.int8), np.full((40, 258), 127, np.int8)
    x[1::2] *= -1
    for bias in (np.array([b], np.int32) for b in (1, 0, -2)):
        for w in (weight, -weight):
            got = operators.linear(name, x, w, bias, sparse=True)
            np.testing.assert_array_equal(got, ops.linear(x, w, bias))
    for b in (2, -3):
        with pytest.raises(UnsupportedError, match="16 bits"):
            operators.linear(name, x, weight, np.array([b], np.int32), sparse=True)
    with pytest.raises(UnsupportedError, match="ternary"):
        operators.linear(name, x, weight * 2, np.array([0], np.int32), sparse=True)


def test_inputs_that_are_not_negative_have_smaller_sums() -> None:
    weight, bias = np.ones((1, 516), np.int8), np.zeros(1, np.int32)
    weight[0, ::2] = -1
    assert layers.sparse_can(weight, bias, least=0)
    assert not layers.sparse_can(weight, bias)
    assert not layers.sparse_can(weight, bias + 2, least=0)
    assert not layers.sparse_can(np.eye(1, 1 << 13, dtype=np.int8), bias)


@every_kernel
@given(data=st.data(), seed=seeds, kind=st.sampled_from((np.int8, np.int16, np.int32)))
@settings(deadline=None, max_examples=100)
def test_norms_of_any_width(name: str, data: st.DataObject, seed: int, kind: type) -> None:
    rng = np.random.default_rng(seed)
    rows, width = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 500))
    most = min(np.iinfo(kind).max, (1 << 24) // width - 1)
    limit = data.draw(st.sampled_from((1, 100, most))) if most > 100 else most
    x = rng.integers(-limit, limit + 1, (rows, width)).astype(kind)
    assert_same(name, "manhattan_norm", x=x)


@every_kernel
@given(data=st.data(), seed=seeds, bits=st.integers(2, 16), shift=st.integers(0, 31))
@settings(deadline=None, max_examples=150)
def test_narrowing_of_any_int32(name: str, data: st.DataObject, seed: int, bits: int, shift: int) -> None:
    rng = np.random.default_rng(seed)
    count, reach = data.draw(st.integers(0, 70)), 1 << data.draw(st.integers(1, 31))
    acc = rng.integers(-reach, reach, count).astype(np.int32)
    limit = ops.largest(bits)
    assert_same(name, "requantize", acc=acc, shift=shift, bits=bits)
    x = rng.integers(-limit, limit + 1, count)
    assert_same(name, "residual_add", x=x, acc=acc, shift=shift, bits=bits)


@every_kernel
def test_what_is_not_offered_says_so(name: str) -> None:
    v, score = np.zeros((2, 3), np.int8), np.zeros((4, 2), np.int8)
    with pytest.raises(UnsupportedError, match=r"\[\.\.\., n, n\]"):
        operators.inhibit(name, v, score, 0)
    with pytest.raises(UnsupportedError, match="at most 16 bits"):
        operators.requantize(name, np.zeros(3, np.int32), 0, 20)
    with pytest.raises(UnsupportedError, match="one shift"):
        operators.requantize(name, np.zeros(3, np.int32), np.zeros(3, int))  # type: ignore[arg-type]
    with pytest.raises(UnsupportedError, match="int32"):
        operators.requantize(name, np.array([1 << 40]), 0)
    with pytest.raises(UnsupportedError, match="32 bits"):
        operators.linear(name, np.zeros((1, 1), np.int8), np.ones((1, 1), np.int8), np.array([(1 << 31) - 1]))
    with pytest.raises(HwsimError, match="2\\^24"):
        operators.manhattan_norm(name, np.full((1, 1 << 10), 1 << 14, np.int16))
    with pytest.raises(HwsimError, match="v holds -128"):
        operators.inhibit(name, np.full((1, 1), -128), np.zeros((1, 1), int), 0)


NOTHING = np.zeros(0, np.int8)


@pytest.mark.parametrize(
    "arguments",
    [
        (np.zeros(4, np.int8), NOTHING, NOTHING, NOTHING, 2, 3),
        (np.zeros(6, np.int8), np.zeros(5, np.int8), NOTHING, NOTHING, 2, 3),
        (np.zeros(6, np.int8), np.zeros(6, np.int8), np.zeros(5, np.int8), np.zeros(6, np.int8), 2, 3),
        (np.zeros(6, np.int8), np.zeros(6, np.int8), NOTHING, np.zeros(6, np.int8), 2, -3),
    ],
)
def test_no_buffer_is_left(arguments: tuple[Any, ...]) -> None:
    q, k, v, out, n, dh = arguments
    delta = np.zeros(1, np.int32)
    with pytest.raises(ValueError, match=r"bytes|dh is"):
        native.kernels().heads(0, q, k, v, NOTHING, delta, NOTHING, out, 1, 1, n, dh, 0, 0, 0, True, 8)
