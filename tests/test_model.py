"""The emulator: batches, padding, input checks, integers only."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import hwsim
from hwsim import ModelConfig, Ticket, ops
from hwsim.compare import PER_SENTENCE, real_elements
from hwsim.errors import HwsimError
from hwsim.model import merge_heads, split_heads

SMALL = ModelConfig(
    vocabulary=40, max_tokens=8, width=16, heads=2, layers=2, hidden=24, classes=3, embed_shift=5
)
SWITCHES = [
    SMALL,
    dataclasses.replace(SMALL, centring="mean", inner_norms=True, weights="int8"),
    dataclasses.replace(SMALL, centring="none", inhibition="unsigned", weights="int4", residual_bits=12),
]


@pytest.fixture(params=SWITCHES, ids=lambda config: config.centring)
def ticket(request: pytest.FixtureRequest) -> Ticket:
    return hwsim.random_ticket(request.param, seed=3)


def test_what_stands_at_padding_does_not_matter(ticket: Ticket) -> None:
    token_ids, mask = hwsim.random_tokens(SMALL, 5)
    mask[4] = [True, False, True, True, False, False, True, False]
    first = hwsim.forward(ticket, token_ids, mask, trace=True).trace
    second = hwsim.forward(ticket, np.where(mask, token_ids, 0), mask, trace=True).trace
    for name, tensor in first.items():
        real = real_elements(name, tensor.shape, mask)
        np.testing.assert_array_equal(tensor[real], second[name][real], err_msg=name)


def test_a_ragged_batch_equals_its_sentences_one_by_one(ticket: Ticket) -> None:
    token_ids, mask = hwsim.random_tokens(SMALL, 6)
    together = hwsim.forward(ticket, token_ids, mask, trace=True).trace
    for i, length in enumerate(mask.sum(axis=1)):
        alone = hwsim.forward(ticket, token_ids[i : i + 1, :length], trace=True).trace
        for name, tensor in alone.items():
            part = name.rsplit(".", 1)[-1]
            whole = together[name][i]
            if part == "score":
                whole = whole[:, :length, :length]
            elif part not in PER_SENTENCE:
                whole = whole[:length]
            np.testing.assert_array_equal(tensor[0], whole, err_msg=name)


def test_padded_keys_score_127(ticket: Ticket) -> None:
    token_ids, mask = hwsim.random_tokens(SMALL, 4)
    trace = hwsim.forward(ticket, token_ids, mask, trace=True).trace
    score = np.moveaxis(trace["layers.0.score"], -1, 1)
    assert (score[~mask] == 127).all()


def test_no_float_anywhere(ticket: Ticket) -> None:
    token_ids, mask = hwsim.random_tokens(SMALL, 3)
    output = hwsim.forward(ticket, token_ids, mask, trace=True)
    kinds = {name: tensor.dtype for name, tensor in output.trace.items()}
    assert {dtype.kind for dtype in kinds.values()} == {"i"}
    assert kinds["layers.0.q"] == np.int8
    assert kinds["layers.0.ffn_out"] == np.int16
    assert output.logits.dtype == np.int32


def test_every_tensor_stays_in_its_symmetric_range(ticket: Ticket) -> None:
    token_ids, mask = hwsim.random_tokens(SMALL, 6)
    bits = ticket.config.residual_bits
    for name, tensor in hwsim.forward(ticket, token_ids, mask, trace=True).trace.items():
        part = name.rsplit(".", 1)[-1]
        if part in ("embed", "attn_out", "ffn_out"):
            assert np.abs(tensor.astype(int)).max() <= ops.largest(bits)
        elif part not in (*PER_SENTENCE, "inhibit"):
            assert np.abs(tensor.astype(int)).max() <= 127


def test_the_trace_is_empty_unless_asked_for(ticket: Ticket) -> None:
    token_ids, mask = hwsim.random_tokens(SMALL, 2)
    output = hwsim.forward(ticket, token_ids, mask)
    assert output.trace == {}
    traced = hwsim.forward(ticket, token_ids, mask, trace=True)
    np.testing.assert_array_equal(output.logits, traced.logits)
    assert traced.trace["logits"] is traced.logits


def test_the_named_tensors_in_order() -> None:
    block = ["attn_norm", "q", "k", "v", "score", "inhibit", "attn_out", "ffn_norm", "ffn_hidden", "ffn_out"]
    trace = hwsim.forward(hwsim.random_ticket(SMALL), np.zeros((1, 1), int), trace=True).trace
    layers = [f"layers.{i}.{name}" for i in range(2) for name in block]
    assert list(trace) == ["embed", *layers, "final_norm", "pool", "pool_norm", "logits"]


def test_the_prediction_is_the_first_of_equal_logits() -> None:
    ticket = hwsim.random_ticket(SMALL)
    zero = ticket.replace(
        classify_weight=np.zeros((3, 16), np.int8), classify_bias=np.array([0, 5, 5], np.int32)
    )
    assert hwsim.forward(zero, np.zeros((2, 3), int)).prediction.tolist() == [1, 1]


def test_positions_count_from_the_left_whatever_the_mask() -> None:
    ticket = hwsim.random_ticket(SMALL)
    token_ids = np.array([[7, 7, 7]])
    embed = hwsim.forward(ticket, token_ids, np.array([[0, 1, 1]]), trace=True).trace["embed"]
    want = ops.embed(ticket.token_table[[7] * 3], ticket.position_table[:3], SMALL.embed_shift)
    np.testing.assert_array_equal(embed[0], want)


def test_the_head_is_the_operators_composed() -> None:
    rng = np.random.default_rng(0)
    q, k, v = rng.integers(-127, 128, (3, 2, 2, 5, 8)).astype(np.int8)
    mask, delta = np.ones((2, 5), bool), np.array([0, 9])
    score, output = hwsim.inhibitor_head(q, k, v, mask, delta, score_shift=3, inhibit_shift=1)
    np.testing.assert_array_equal(score, ops.manhattan_score(q, k, mask, 3, delta))
    np.testing.assert_array_equal(output, ops.inhibit(v, score, 1))


def test_heads_split_and_merge() -> None:
    x = np.arange(2 * 3 * 16).reshape(2, 3, 16)
    assert split_heads(x, 4).shape == (2, 4, 3, 4)
    np.testing.assert_array_equal(split_heads(x, 4)[1, 2, 0], x[1, 0, 8:12])
    np.testing.assert_array_equal(merge_heads(split_heads(x, 4)), x)


@pytest.mark.parametrize(
    ("token_ids", "mask", "message"),
    [
        ([[-1]], None, "token id -1 is outside the vocabulary 0..39"),
        ([[0, 40]], None, "token id 40"),
        ([[0.0]], None, "float64"),
        ([0, 1], None, "batch, tokens"),
        (np.zeros((0, 3), int), None, "not empty"),
        (np.zeros((2, 0), int), None, "not empty"),
        ([[0] * 9], None, "9 tokens; this ticket takes at most 8"),
        ([[0, 1]], [[1]], "mask has shape"),
        ([[0, 1]], [[0, 0]], "without a real token"),
        ([[0, 1]], [[1, 2]], "0 and 1"),
        ([[0, 1]], [[1.0, 0.0]], "0 and 1"),
        ([["a"]], None, "token_ids is"),
    ],
)
def test_inputs_are_refused_by_name(token_ids: object, mask: object, message: str) -> None:
    with pytest.raises(HwsimError, match=message):
        hwsim.forward(
            hwsim.random_ticket(SMALL), np.array(token_ids), None if mask is None else np.array(mask)
        )


def test_any_integer_type_will_do() -> None:
    ticket = hwsim.random_ticket(SMALL)
    want = hwsim.forward(ticket, np.array([[1, 2]])).logits
    for dtype in (np.uint8, np.int16, np.uint64):
        np.testing.assert_array_equal(
            hwsim.forward(ticket, np.array([[1, 2]], dtype), np.ones((1, 2), dtype)).logits, want
        )
