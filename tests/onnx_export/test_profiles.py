"""The fast profile means what the portable one means; each form of the distance gives the same integers."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, numpy_helper

import hwsim
from hwsim import ModelConfig, Ticket, ops
from hwsim.compare import first_difference
from hwsim.errors import HwsimError, RangeError, UnsupportedError
from hwsim.model import encoder_block, inhibitor_head, merge_heads, split_heads
from hwsim.onnx_export import RUNTIMES, export_block, export_head, export_model, run, save_model
from hwsim.onnx_export.builder import Builder
from hwsim.onnx_export.card import card
from hwsim.onnx_export.ops import linear
from hwsim.onnx_export.ops.manhattan_score import quotient
from hwsim.onnx_export.ops.pieces import pieces
from hwsim.onnx_export.profiles import FAST, PORTABLE, PROFILES

SMALL = ModelConfig(
    vocabulary=30, max_tokens=8, width=16, heads=2, layers=2, hidden=24, classes=3, embed_shift=4
)
FORMS = [(profile.name, form) for profile in PROFILES.values() for form in (None, *profile.distances)]


def assert_exact(ticket: Ticket, model: onnx.ModelProto, *runtimes: str) -> None:
    token_ids, mask = hwsim.random_tokens(ticket.config, 3)
    mask[-1] = np.arange(ticket.config.max_tokens) % 3 != 1
    expected = hwsim.forward(ticket, token_ids, mask, trace=True).trace
    for runtime in runtimes or RUNTIMES:
        got = run(model, {"token_ids": token_ids, "mask": mask}, runtime)
        assert list(got) == list(expected)
        assert first_difference(runtime, expected, got, mask) is None


@pytest.mark.parametrize(("profile", "distance"), FORMS)
@pytest.mark.parametrize("inhibition", ["signed", "unsigned"])
@pytest.mark.parametrize("centring", ["min", "mean", "none"])
def test_every_form_gives_the_same_integers(
    profile: str, distance: str | None, inhibition: str, centring: str
) -> None:
    config = dataclasses.replace(SMALL, inhibition=inhibition, centring=centring)
    ticket = hwsim.random_ticket(config, seed=3)
    assert_exact(ticket, export_model(ticket, True, profile, distance))


@pytest.mark.parametrize("weights", ["ternary", "int4", "int8"])
@pytest.mark.parametrize("inner_norms", [False, True])
@pytest.mark.parametrize("width", [16, 384, 768])
def test_the_fast_profile_with_every_kind_of_weights(weights: str, inner_norms: bool, width: int) -> None:
    config = ModelConfig(
        50, 16, width, width // 8 if width == 16 else width // 64, 1, 40, 2,
        weights=weights, inner_norms=inner_norms, residual_bits=15, embed_shift=5,
    )  # fmt: skip
    ticket = hwsim.random_ticket(config, seed=width)
    assert_exact(ticket, export_model(ticket, True, "fast"))


def test_the_fast_profile_on_a_long_sequence_in_runs_of_features() -> None:
    assert len(list(pieces("uint8", 512, 64))) == 4
    ticket = hwsim.random_ticket(ModelConfig(50, 512, 64, 1, 1, 40, 2), seed=8)
    model = export_model(ticket, True, "fast")
    assert sum(node.op_type == "Concat" for node in model.graph.node) == 1
    assert_exact(ticket, model, "onnxruntime")


@pytest.mark.parametrize(("profile", "distance"), FORMS)
def test_a_head_and_a_block_alone(profile: str, distance: str | None) -> None:
    config = ModelConfig(50, 16, 32, 4, 2, 40, 2, centring="mean")
    ticket, rng = hwsim.random_ticket(config), np.random.default_rng(3)
    layer, mask = ticket.layers[1], np.arange(9) < np.array([[9], [4]])
    x = rng.integers(-32767, 32768, (2, 9, 32)).astype(np.int16)
    trace: dict[str, np.ndarray] = {}
    encoder_block(ticket, layer, x, mask, trace)
    got = run(export_block(ticket, 1, True, profile, distance), {"x": x, "mask": mask})
    assert first_difference(profile, trace, got, mask) is None

    q, k, v = (split_heads(rng.choice([-127, -1, 0, 1, 127], x.shape).astype(np.int8), 4) for _ in "qkv")
    score, inhibit = inhibitor_head(
        q, k, v, mask, layer.delta,
        score_shift=layer.score_shift, inhibit_shift=layer.inhibit_shift, centring="mean",
    )  # fmt: skip
    got = run(export_head(ticket, 1, profile, distance), {"q": q, "k": k, "v": v, "mask": mask})
    got["inhibit"] = merge_heads(got["inhibit"])
    assert first_difference(profile, {"score": score, "inhibit": merge_heads(inhibit)}, got, mask) is None


def test_what_each_profile_stores_and_computes() -> None:
    ticket = hwsim.random_ticket(SMALL)
    for profile in PROFILES.values():
        model = export_model(ticket, profile=profile.name)
        assert {node.op_type for node in model.graph.node} <= profile.operators
        assert {constant.data_type for constant in model.graph.initializer} <= profile.constants
        metadata = {entry.key: entry.value for entry in model.metadata_props}
        assert (metadata["profile"], metadata["distance"]) == (profile.name, profile.distances[0])
    assert "MatMulInteger" not in PORTABLE.operators


def test_the_fast_profile_never_multiplies_uint8_by_int8() -> None:
    model = export_model(hwsim.random_ticket(SMALL), profile="fast")
    kinds = {value.name: value.type.tensor_type.elem_type for value in model.graph.value_info}
    kinds |= {constant.name: constant.data_type for constant in model.graph.initializer}
    products = [node for node in model.graph.node if node.op_type == "MatMulInteger"]
    assert len(products) > 12
    assert {kinds[name] for node in products for name in node.input} == {TensorProto.UINT8}
    assert not any(node.op_type == "MatMul" for node in model.graph.node)


@pytest.mark.parametrize("inputs", [1, 3072])
def test_uint8_products_at_their_extremes(inputs: int) -> None:
    signs = np.array([[1], [-1]], np.int8)
    x = np.repeat(127 * signs, inputs, axis=1).astype(np.int8)
    b = Builder(FAST)
    b.named(linear(b, b.input("x", x.shape), x, np.zeros(2, np.int32)), "result")
    for runtime in RUNTIMES:
        got = run(b.model("extremes", ["result"], {}), {"x": x}, runtime)["result"]
        np.testing.assert_array_equal(got, ops.linear(x, x, np.zeros(2, np.int32)))


def test_ternary_weights_are_stored_four_a_byte() -> None:
    weight = np.array(np.meshgrid(*[[-1, 0, 1]] * 4)).reshape(4, -1).astype(np.int8)
    b = Builder(FAST)
    b.named(linear(b, b.input("x", (1, 81)), weight, np.zeros(4, np.int32)), "result")
    model = b.model("all four", ["result"], {})
    stored = {c.name: numpy_helper.to_array(c) for c in model.graph.initializer}
    assert stored["/weight"].shape == (81, 1)
    x = np.random.default_rng(0).integers(-127, 128, (1, 81)).astype(np.int8)
    got = run(model, {"x": x}, "onnxruntime")["result"]
    np.testing.assert_array_equal(got, ops.linear(x, weight, np.zeros(4, np.int32)))


@pytest.mark.parametrize("most", [0, 1, 2, 127, 16256])
def test_the_quotient_of_the_mean_is_exact(most: int) -> None:
    divisors = np.repeat(np.array([1, 2, 3, 7, 64, 511, 512]), 9).astype(np.int32)
    rng = np.random.default_rng(most)
    quotients = np.concatenate([[0, most, max(most - 1, 0)], rng.integers(0, most + 1, len(divisors) - 3)])
    rest = np.tile(np.array([0, 1, -1]), len(divisors))[: len(divisors)] % divisors
    x = (quotients * divisors + rest).astype(np.int32)
    b = Builder()
    b.named(quotient(b, b.input("x", x.shape), b.input("n", x.shape), most), "result")
    for runtime in RUNTIMES:
        got = run(b.model("quotient", ["result"], {}), {"x": x, "n": divisors}, runtime)["result"]
        np.testing.assert_array_equal(got, quotients)


def with_bias(ticket: Ticket, bias: int) -> Ticket:
    layer = ticket.layers[0]
    k = dataclasses.replace(
        layer.linears["k"],
        weight=np.zeros((16, 16), np.int8),
        bias=np.full(16, bias, np.int32) * np.tile([1, -1], 8).astype(np.int32),
        shift=0,
    )
    return ticket.replace(
        layers=(dataclasses.replace(layer, linears=layer.linears | {"k": k}), *ticket.layers[1:])
    )


def test_each_profile_refuses_what_it_would_get_wrong() -> None:
    ticket = hwsim.random_ticket(SMALL)
    wide = with_bias(ticket, 1 << 24)
    with pytest.raises(RangeError, match=r"the portable profile holds \+-16777215"):
        export_model(wide)
    assert_exact(wide, export_model(wide, True, "fast"))
    most = with_bias(ticket, (1 << 30) - 1)
    assert_exact(most, export_model(most, True, "fast"))
    for export in (export_model, export_block):
        with pytest.raises(RangeError, match=r"the int32 profile holds \+-1073741823 \(1 too much"):
            export(with_bias(ticket, 1 << 30), profile="fast")


def test_names_that_are_not_offered_are_refused() -> None:
    ticket = hwsim.random_ticket(SMALL)
    with pytest.raises(HwsimError, match="choose one of portable, fast"):
        export_model(ticket, profile="quick")
    with pytest.raises(HwsimError, match="choose one of memory, broadcast, unrolled, uint8"):
        export_head(ticket, distance="blocked")
    with pytest.raises(UnsupportedError, match="not exact in every runtime"):
        export_block(ticket, distance="uint8")


def test_the_forms_by_memory() -> None:
    assert [len(list(pieces("memory", n, 64))) for n in (64, 128, 256, 512)] == [1, 1, 4, 16]
    assert len(list(pieces("broadcast", 512, 64))) == 1
    assert len(list(pieces("unrolled", 8, 64))) == 64
    assert len(list(pieces("memory", 4096, 64))) == 64
    assert np.concatenate(list(pieces("memory", 300, 64))).tolist() == list(range(64))


@pytest.mark.parametrize("profile", PROFILES)
def test_the_ort_file(profile: str, tmp_path: Path) -> None:
    ticket = hwsim.random_ticket(SMALL)
    path = save_model(export_model(ticket, True, profile), tmp_path / "model.ort")
    content = path.read_bytes()
    assert content[4:8] == b"ORTM"
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    assert session.get_modelmeta().custom_metadata_map["ticket"] == ticket.digest()
    token_ids, mask = hwsim.random_tokens(SMALL, 3)
    results = session.run(None, {"token_ids": token_ids, "mask": mask.astype(np.int32)})
    got = dict(zip((output.name for output in session.get_outputs()), results, strict=True))
    expected = hwsim.forward(ticket, token_ids, mask, trace=True).trace
    assert first_difference("ort", expected, got, mask) is None


def test_the_model_card() -> None:
    ticket = hwsim.load_ticket("sst2-tiny")
    model = export_model(ticket, profile="fast")
    text = card(model, ticket, "a.onnx", 1234)
    facts = (ticket.digest(), "1,234 bytes", "half_up", "fast: uint8", "MatMulInteger", "20.0% non-zero")
    tensors = ("| mask | input | batch, seq |", "| logits | output | batch, 2 |", "sst2_dev | 0.86")
    assert [fact for fact in (*facts, *tensors) if fact not in text] == []
