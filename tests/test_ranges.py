"""The overflow proof: sound for every input, reached where it says so, and refusing what it must."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hwsim
from hwsim import ModelConfig, Ticket, digits, interval, ops, ranges, rtl, sizes
from hwsim.errors import HwsimError, RangeError
from hwsim.interval import Interval
from hwsim.model import Trace, split_heads
from hwsim.onnx_export import export_model, run
from hwsim.ops.manhattan_score import manhattan_distance

SMALL = ModelConfig(vocabulary=20, max_tokens=8, width=16, heads=2, layers=2, hidden=24, classes=3)


@st.composite
def tickets(draw: st.DrawFn) -> Ticket:
    """Small random tickets with any switch, any shift, and biases of any size that still fits."""
    config = dataclasses.replace(
        SMALL,
        weights=draw(st.sampled_from(("ternary", "int4", "int8"))),
        inhibition=draw(st.sampled_from(("signed", "unsigned"))),
        centring=draw(st.sampled_from(("min", "mean", "none"))),
        inner_norms=draw(st.booleans()),
        residual_bits=draw(st.sampled_from((8, 12, 16))),
        embed_shift=draw(st.integers(0, 7)),
    )
    rng = np.random.default_rng(draw(st.integers(0, 1 << 16)))
    ticket = hwsim.random_ticket(config, int(rng.integers(1 << 16)), draw(st.sampled_from((0.0, 0.1, 1.0))))
    bias = draw(st.sampled_from((0, 100, 1 << 20)))
    layers = []
    for layer in ticket.layers:
        linears = {
            name: dataclasses.replace(
                linear,
                bias=rng.integers(-bias, bias + 1, linear.bias.shape).astype(np.int32),
                shift=int(rng.integers(0, 23)) if bias else linear.shift,
            )
            for name, linear in layer.linears.items()
        }
        layers.append(
            dataclasses.replace(
                layer,
                linears=linears,
                score_shift=int(rng.integers(0, 8)),
                inhibit_shift=int(rng.integers(0, 8)),
            )
        )
    return ticket.replace(layers=tuple(layers))


def inputs(ticket: Ticket) -> tuple[np.ndarray, np.ndarray]:
    """Random sentences, and each token repeated throughout, which adds up furthest."""
    token_ids, mask = hwsim.random_tokens(ticket.config, 6)
    token_ids[2:] = token_ids[2:, :1]
    mask[2:] = True
    return token_ids, mask


def accumulators(ticket: Ticket, trace: Trace, mask: np.ndarray) -> dict[str, np.ndarray]:
    """The accumulators of the emulator, recomputed from its named tensors, by the names of the bounds."""
    found: dict[str, np.ndarray] = {}
    config = ticket.config

    def norm(name: str, x: np.ndarray) -> None:
        found[f"{name}.sum"] = np.maximum(np.abs(x.astype(int)).sum(axis=-1), 1)

    def acc(name: str, x: np.ndarray, weight: np.ndarray, bias: np.ndarray, shift: int) -> np.ndarray:
        found[f"{name}.acc"] = total = ops.linear(x, weight, bias).astype(int)
        found[f"{name}.rounded"] = total + ((1 << shift) >> 1)
        return total

    residual = trace["embed"]
    for i, layer in enumerate(ticket.layers):

        def at(name: str, prefix: str = f"layers.{i}.") -> np.ndarray:
            return trace[prefix + name]

        norm(f"layers.{i}.attn_norm", residual)
        for name in "qkv":
            linear = layer.linears[name]
            acc(f"layers.{i}.{name}", at("attn_norm"), linear.weight, linear.bias, linear.shift)
        q, k, v = (split_heads(at(name), config.heads) for name in "qkv")
        z = manhattan_distance(q, k).astype(int)
        found[f"layers.{i}.score.sum"] = z
        found[f"layers.{i}.score.rounded"] = z + ((1 << layer.score_shift) >> 1)
        found[f"layers.{i}.inhibit.sum"] = ops.inhibit_sum(v, at("score"), config.inhibition == "signed")
        g, u = at("inhibit"), at("ffn_hidden")
        if config.inner_norms:
            norm(f"layers.{i}.inhibit_norm", g)
            norm(f"layers.{i}.ffn_hidden_norm", u)
            g, u = at("inhibit_norm"), at("ffn_hidden_norm")
        for name, x, before in (("attn_out", g, "attn_norm"), ("ffn_out", u, "ffn_norm")):
            linear = layer.linears[name]
            total = acc(f"layers.{i}.{name}", x, linear.weight, linear.bias, linear.shift)
            found[f"layers.{i}.{name}.sum"] = residual.astype(int) + ops.round_shift(total, linear.shift)
            residual = at(name)
            if before == "attn_norm":
                norm(f"layers.{i}.ffn_norm", residual)
        hidden = layer.linears["ffn_hidden"]
        acc(f"layers.{i}.ffn_hidden", at("ffn_norm"), hidden.weight, hidden.bias, hidden.shift)
    norm("final_norm", residual)
    found["pool.sum"] = trace["pool"]
    norm("pool_norm", trace["pool"])
    acc("logits", trace["pool_norm"], ticket.classify_weight, ticket.classify_bias, 0)
    return found


@given(tickets())
@settings(deadline=None, max_examples=60)
def test_no_accumulator_ever_leaves_its_bound(ticket: Ticket) -> None:
    token_ids, mask = inputs(ticket)
    trace = hwsim.forward(ticket, token_ids, mask, trace=True).trace
    bounds = {(bound.name, bound.profile): bound for bound in ranges.prove(ticket)}
    for name, values in accumulators(ticket, trace, mask).items():
        for profile in ranges.PROFILES:
            if bound := bounds.get((name, profile)):
                assert bound.low <= values.min(), (name, profile)
                assert values.max() <= bound.high, (name, profile)
        assert (name, "portable") in bounds or name == "logits.rounded"


@given(tickets())
@settings(deadline=None, max_examples=12)
def test_every_intermediate_of_a_proved_onnx_model_stays_below_2_to_the_24(ticket: Ticket) -> None:
    try:
        model = export_model(ticket)
    except RangeError:
        assert any(not bound.ok for bound in ranges.prove(ticket) if bound.profile == "portable")
        return
    everything = onnx.ModelProto()
    everything.CopyFrom(model)
    known = {value.name for value in everything.graph.output}
    for value in model.graph.value_info:
        if value.name not in known:
            everything.graph.output.append(value)
    token_ids, mask = inputs(ticket)
    feeds = {"token_ids": token_ids, "mask": mask}
    values = run(everything, feeds, "onnxruntime_unoptimised")
    assert len(values) == len(model.graph.node)
    for name, tensor in values.items():
        assert np.abs(tensor.astype(int)).max() < 1 << 24, name


def test_the_bound_of_a_linear_is_reached() -> None:
    rng = np.random.default_rng(0)
    weight = rng.integers(-127, 128, (5, 9))
    low = rng.integers(-127, 0, 9)
    x = Interval(low, low + rng.integers(0, 200, 9))
    bound = interval.linear(weight, x)
    for o, row in enumerate(weight):
        assert row @ np.where(row > 0, x.high, x.low) == bound.high[o]
        assert row @ np.where(row > 0, x.low, x.high) == bound.low[o]


def partial_sums(weight: np.ndarray, x: np.ndarray) -> list[int]:
    """What stands in a row engine's accumulator while it reads the digit stream, for one input x."""
    seen, acc, index = [0], 0, -1
    for entry in digits.encode(weight).entries.tolist():
        if entry & digits.DOUBLE:
            acc, index = 2 * acc, -1
            seen.append(acc)
        gap = entry & digits.SKIP
        index += digits.SKIP if gap == digits.SKIP else gap + 1
        if gap != digits.SKIP:
            acc += -int(x[index]) if entry & digits.SIGN else int(x[index])
            seen.append(acc)
        if entry & digits.LAST:
            acc, index = 0, -1
    return seen


@given(st.lists(st.lists(st.integers(-127, 127), min_size=4, max_size=4), min_size=1, max_size=3), st.data())
@settings(deadline=None)
def test_the_bound_of_the_partial_sums_is_reached_and_never_passed(
    rows: list[list[int]], data: st.DataObject
) -> None:
    weight = np.array(rows)
    ends = [sorted(data.draw(st.tuples(st.integers(-127, 127), st.integers(-127, 127)))) for _ in range(4)]
    low, high = np.array(ends).T
    # A partial sum is linear in x, so its extremes lie at the corners of the interval.
    corners = [np.where([(c >> k) & 1 for k in range(4)], high, low) for c in range(16)]
    seen = [value for x in corners for value in partial_sums(weight, x)]
    assert interval.horner(weight, Interval(low, high)) == (min(seen), max(seen))


def test_the_order_of_a_sum_does_not_matter_to_the_portable_bound() -> None:
    weight, bias = np.array([[100, -100, 50]]), np.array([-7])
    x = Interval(np.array([0, 0, -10]), np.array([127, 127, 10]))
    assert interval.any_order(weight, bias, x) == (-12700 - 500 - 7, 12700 + 500)


@given(st.integers(1, 80), st.integers(0, 1 << 16), st.integers(0, 15))
@settings(deadline=None, max_examples=300)
def test_the_row_limit_of_the_norm(width: int, seed: int, bits: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.integers(-(1 << bits) + 1, 1 << bits, (50, width))
    x[: min(width, 50)] *= np.eye(50, width, dtype=int)[: min(width, 50)]
    assert np.abs(ops.manhattan_norm(x).astype(int)).sum(axis=1).max() <= interval.norm_row_limit(width)


@pytest.mark.parametrize("width", sizes.WIDTHS)
def test_the_row_limit_is_reasonably_tight(width: int) -> None:
    # Rows of one value, whose sums pass through every mantissa.
    x = np.repeat(np.arange(512, 1025)[:, None], width, axis=1)
    most = np.abs(ops.manhattan_norm(x).astype(int)).sum(axis=1).max()
    assert 0.9 * interval.norm_row_limit(width) < most <= interval.norm_row_limit(width)


@pytest.mark.parametrize("width", sizes.WIDTHS)
def test_every_published_size_can_be_proved(width: int) -> None:
    head = min(64, width)
    for tokens in (8, 512):
        bits = 16 if width <= 512 else 15
        config = ModelConfig(10, tokens, width, width // head, 1, 8, 2, residual_bits=bits, embed_shift=7)
        ticket = hwsim.random_ticket(config, density=1.0)
        for profile in ranges.PROFILES:
            ranges.require(ticket, profile)
        assert all(bound.ok for bound in ranges.prove_block(ticket, 0) + ranges.prove_head(ticket, 0))


def with_linear(ticket: Ticket, name: str, **changes: object) -> Ticket:
    layer = ticket.layers[0]
    linear = dataclasses.replace(layer.linears[name], **changes)
    return ticket.replace(
        layers=(dataclasses.replace(layer, linears=layer.linears | {name: linear}), *ticket.layers[1:])
    )


def test_a_bias_is_proved_up_to_the_last_integer() -> None:
    ticket = hwsim.random_ticket(SMALL)
    weight = np.zeros((16, 16), np.int8)
    for profile, limit in (("rtl", (1 << 23) - 1), ("portable", (1 << 24) - 1)):
        for sign in (-1, 1):
            bias = np.full(16, sign * limit, np.int32)
            ranges.require(with_linear(ticket, "k", weight=weight, bias=bias, shift=0), profile)
            bad = with_linear(ticket, "k", weight=weight, bias=bias + np.int32(sign), shift=0)
            with pytest.raises(RangeError, match=r"^layers\.0\.k\.partial .* \(1 too much"):
                ranges.require(bad, profile)


def test_the_rounding_half_counts_in_the_portable_profile() -> None:
    ticket = hwsim.random_ticket(SMALL)
    bias = np.full(16, (1 << 24) - 1 - 8, np.int32)
    changes = {"weight": np.zeros((16, 16), np.int8), "bias": bias}
    ranges.require(with_linear(ticket, "v", **changes, shift=4), "portable")
    with pytest.raises(RangeError, match=r"layers\.0\.v\.rounded .*rounding half.*8 too much"):
        ranges.require(with_linear(ticket, "v", **changes, shift=5), "portable")


def test_a_model_that_reaches_its_bounds() -> None:
    # Constant q, k and v as far apart and as large as they can be, and output weights that add all of v up.
    ticket = hwsim.random_ticket(SMALL)
    nothing = np.zeros((16, 16), np.int8)
    for name, value in (("q", 127), ("k", -127), ("v", 127)):
        bias = np.full(16, value, np.int32)
        ticket = with_linear(ticket, name, weight=nothing, bias=bias, shift=0)
    ticket = with_linear(ticket, "attn_out", weight=np.ones((16, 16), np.int8))
    token_ids = np.zeros((1, 8), np.int32)
    mask = np.ones((1, 8), bool)
    trace = hwsim.forward(ticket, token_ids, mask, trace=True).trace
    found = accumulators(ticket, trace, mask)
    bounds = {bound.name: bound for bound in ranges.prove(ticket) if bound.profile == "rtl"}
    expected = {"q.acc": 127, "k.acc": -127, "v.acc": 127, "score.sum": 254 * 8, "inhibit.sum": 127 * 8}
    bias = ticket.layers[0].linears["attn_out"].bias
    for part, value in (expected | {"attn_out.acc": 127 * 16 + int(bias.max())}).items():
        name = f"layers.0.{part}"
        assert found[name].max() == value == bounds[name].high, name


@pytest.mark.parametrize("profile", ranges.PROFILES)
def test_refuses_dense_large_weights_and_says_how_to_fix_it(profile: str) -> None:
    config = dataclasses.replace(SMALL, weights="int8", hidden=3072)
    ticket = hwsim.random_ticket(config)
    weight = np.full((16, 3072), 127, np.int8)
    ticket = with_linear(ticket, "ffn_out", weight=weight)
    with pytest.raises(RangeError) as caught:
        ranges.require(ticket, profile)
    bound = next(
        b for b in ranges.prove(ticket) if b.name == "layers.0.ffn_out.partial" and b.profile == profile
    )
    assert str(bound.excess) in str(caught.value)
    assert "layers.0.ffn_out.partial" in str(caught.value)
    assert "prune or shrink" in str(caught.value)


def test_zero_weights_cost_nothing() -> None:
    ticket = with_linear(hwsim.random_ticket(SMALL), "q", weight=np.zeros((16, 16), np.int8))
    for bound in ranges.prove(ticket):
        if bound.name == "layers.0.q.acc":
            bias = ticket.layers[0].linears["q"].bias
            assert (bound.low, bound.high) == (bias.min(), bias.max())


def test_names_are_unique_in_a_profile_and_widths_are_stated() -> None:
    bounds = ranges.prove(hwsim.random_ticket(dataclasses.replace(SMALL, inner_norms=True, centring="mean")))
    assert len({(bound.name, bound.profile) for bound in bounds}) == len(bounds)
    assert {bound.operator for bound in bounds} == set(ranges.FIXES)
    assert all(bound.width_bits == 25 for bound in bounds if bound.profile == "portable")
    assert all(bound.low <= bound.high for bound in bounds)


def test_an_unknown_profile_is_refused() -> None:
    with pytest.raises(HwsimError, match="rtl"):
        ranges.require(hwsim.random_ticket(SMALL), "fast")


def test_the_linear_width_is_that_of_the_verilog() -> None:
    for module in ("linear", "classify", "residual_add"):
        text = rtl.modules()[module].read_text()
        found = re.search(r"parameter integer AccWidth\s*= (\d+)", text)
        assert found is not None
        assert int(found[1]) == ranges.LINEAR_BITS
