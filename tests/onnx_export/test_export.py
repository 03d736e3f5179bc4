"""The exported model gives the emulator's integers at every named tensor, whatever the sizes and inputs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto

import hwsim
from hwsim import ModelConfig, Ticket, ops, sizes
from hwsim.compare import first_difference
from hwsim.errors import HwsimError, RangeError
from hwsim.model import encoder_block, inhibitor_head, merge_heads, split_heads
from hwsim.onnx_export import (
    RUNTIMES,
    export_block,
    export_head,
    export_model,
    run,
    run_onnxruntime,
    save_model,
)
from hwsim.onnx_export.profiles import OPERATORS
from hwsim.scales import scales

SMALL = ModelConfig(
    vocabulary=30, max_tokens=8, width=16, heads=2, layers=2, hidden=24, classes=3, embed_shift=4
)


def config(width: int, head: int, tokens: int, **changes: object) -> ModelConfig:
    values = {"vocabulary": 50, "layers": 1, "hidden": 40, "classes": 2, "embed_shift": 5}
    return ModelConfig(max_tokens=tokens, width=width, heads=width // head, **values | changes)


SWEEP = [
    config(16, 4, 8, layers=2),
    config(32, 8, 16, weights="int4", inhibition="unsigned"),
    config(64, 16, 32, centring="mean", inner_norms=True),
    config(128, 32, 256, layers=2, hidden=256, residual_bits=15, classes=64),
    config(128, 16, 8, weights="int8", centring="none", hidden=8),
    config(256, 64, 128, weights="int8", inner_norms=True, inhibition="unsigned"),
    config(384, 64, 64, centring="mean"),
    config(512, 64, 16, centring="none", inner_norms=True),
    config(768, 64, 8, residual_bits=15, embed_shift=7),
    config(64, 64, 512),
]
"""Every published width, head width and length, and every switch."""


def feeds(ticket: Ticket, batch: int = 3) -> tuple[np.ndarray, np.ndarray]:
    return hwsim.random_tokens(ticket.config, batch)


def assert_equal(
    ticket: Ticket, model: onnx.ModelProto, token_ids: np.ndarray, mask: np.ndarray, *runtimes: str
) -> None:
    expected = hwsim.forward(ticket, token_ids, mask, trace=True).trace
    for runtime in runtimes or RUNTIMES:
        got = run(model, {"token_ids": token_ids, "mask": mask}, runtime)
        assert list(got) == list(expected)
        assert first_difference(runtime, expected, got, mask) is None
        assert {tensor.dtype for tensor in got.values()} == {np.dtype(np.int32)}


@pytest.mark.parametrize("size", SWEEP, ids=lambda c: f"{c.width}-{c.head_width}-{c.max_tokens}")
def test_every_named_tensor_at_every_published_size(size: ModelConfig) -> None:
    ticket = hwsim.random_ticket(size, seed=size.width)
    # The reference is slow, and a long sequence is no other graph for it.
    runtimes = RUNTIMES if size.max_tokens <= 128 else RUNTIMES[:2]
    token_ids, mask = feeds(ticket, 3 if size.max_tokens <= 128 else 1)
    mask[-1] = np.arange(size.max_tokens) % 5 != 1
    assert_equal(ticket, export_model(ticket, trace=True), token_ids, mask, *runtimes)


def test_the_sweep_covers_the_published_sizes() -> None:
    assert {size.width for size in SWEEP} == set(sizes.WIDTHS)
    assert {size.head_width for size in SWEEP} == set(sizes.HEAD_WIDTHS)
    assert {size.max_tokens for size in SWEEP} == set(sizes.MAX_TOKENS)


@pytest.mark.parametrize("inhibition", ["signed", "unsigned"])
@pytest.mark.parametrize("centring", ["min", "mean", "none"])
@pytest.mark.parametrize("inner_norms", [False, True])
@pytest.mark.parametrize("weights", ["ternary", "int4", "int8"])
def test_every_switch(inhibition: str, centring: str, inner_norms: bool, weights: str) -> None:
    switches = {
        "inhibition": inhibition,
        "centring": centring,
        "inner_norms": inner_norms,
        "weights": weights,
    }
    ticket = hwsim.random_ticket(config(16, 8, 8, **switches), seed=1)
    assert_equal(ticket, export_model(ticket, trace=True), *feeds(ticket))


@pytest.mark.parametrize("centring", ["min", "mean", "none"])
def test_batch_and_length_are_free(centring: str) -> None:
    ticket = hwsim.random_ticket(config(16, 4, 8, centring=centring), seed=2)
    model = export_model(ticket, trace=True)
    rng = np.random.default_rng(0)
    for batch, tokens in ((1, 1), (5, 1), (1, 8), (4, 3), (2, 7)):
        token_ids = rng.integers(0, 50, (batch, tokens)).astype(np.int32)
        mask = rng.random((batch, tokens)) < 0.6
        mask[:, rng.integers(tokens)] = True
        assert_equal(ticket, model, token_ids, mask)


def test_all_padding_but_one() -> None:
    ticket = hwsim.random_ticket(SMALL)
    token_ids, _ = feeds(ticket, 8)
    assert_equal(ticket, export_model(ticket, trace=True), token_ids, np.eye(8, dtype=bool))


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_padding_does_not_matter(runtime: str) -> None:
    ticket = hwsim.random_ticket(SMALL)
    token_ids, mask = feeds(ticket)
    model = export_model(ticket)
    other = np.where(mask, token_ids, (token_ids + 7) % 30)
    logits = [run(model, {"token_ids": ids, "mask": mask}, runtime)["logits"] for ids in (token_ids, other)]
    np.testing.assert_array_equal(*logits)


def test_a_model_without_trace_returns_the_logits_only() -> None:
    ticket = hwsim.random_ticket(SMALL)
    token_ids, mask = feeds(ticket)
    got = run_onnxruntime(export_model(ticket), token_ids, mask.astype(np.int64))
    assert list(got) == ["logits"]
    np.testing.assert_array_equal(got["logits"], hwsim.forward(ticket, token_ids, mask).logits)


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("inner_norms", [False, True])
def test_a_head_and_a_block_alone(runtime: str, inner_norms: bool) -> None:
    size = config(32, 8, 16, layers=2, inner_norms=inner_norms)
    ticket, rng = hwsim.random_ticket(size), np.random.default_rng(3)
    layer, mask = ticket.layers[1], np.arange(9) < np.array([[9], [4]])
    x = rng.integers(-32767, 32768, (2, 9, 32)).astype(np.int16)
    trace: dict[str, np.ndarray] = {}
    encoder_block(ticket, layer, x, mask, trace)
    got = run(export_block(ticket, 1, trace=True), {"x": x, "mask": mask}, runtime)
    assert first_difference(runtime, trace, got, mask) is None
    assert list(run(export_block(ticket, 1), {"x": x, "mask": mask}, runtime)) == ["ffn_out"]

    q, k, v = (split_heads(rng.integers(-127, 128, x.shape).astype(np.int8), 4) for _ in "qkv")
    score, inhibit = inhibitor_head(
        q, k, v, mask, layer.delta,
        score_shift=layer.score_shift, inhibit_shift=layer.inhibit_shift, bits=size.inhibit_bits,
    )  # fmt: skip
    got = run(export_head(ticket, 1), {"q": q, "k": k, "v": v, "mask": mask}, runtime)
    got["inhibit"] = merge_heads(got["inhibit"])
    assert first_difference(runtime, {"score": score, "inhibit": merge_heads(inhibit)}, got, mask) is None


def axes(value: onnx.ValueInfoProto) -> list[str | int]:
    return [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]


def test_the_interface() -> None:
    model = export_model(hwsim.random_ticket(SMALL), trace=True)
    assert [(value.name, axes(value)) for value in model.graph.input] == [
        ("token_ids", ["batch", "seq"]),
        ("mask", ["batch", "seq"]),
    ]
    found = {value.name: axes(value) for value in model.graph.output}
    assert found["logits"] == ["batch", 3]
    assert found["layers.1.score"] == ["batch", 2, "seq", "seq"]
    assert found["layers.1.ffn_hidden"] == ["batch", "seq", 24]
    assert found["pool"] == ["batch", 16]
    everything = (*model.graph.input, *model.graph.output)
    assert {value.type.tensor_type.elem_type for value in everything} == {TensorProto.INT32}


def test_the_profile() -> None:
    model = export_model(hwsim.random_ticket(SMALL))
    assert (model.ir_version, [(o.domain, o.version) for o in model.opset_import]) == (8, [("", 17)])
    assert {node.op_type for node in model.graph.node} <= OPERATORS
    assert not model.functions
    computed = {
        value.type.tensor_type.elem_type for value in model.graph.value_info if value.name != "/embed/gather"
    }
    assert computed == {TensorProto.INT32}
    weights = [constant for constant in model.graph.initializer if constant.name.endswith("/weight")]
    assert {constant.data_type for constant in weights} == {TensorProto.INT8}
    onnx.checker.check_model(model, full_check=True)


def test_every_divisor_is_a_power_of_two() -> None:
    model = export_model(hwsim.random_ticket(SMALL))
    constants = {c.name: onnx.numpy_helper.to_array(c) for c in model.graph.initializer}
    source = {node.output[0]: node for node in model.graph.node}
    divisors = [node.input[1] for node in model.graph.node if node.op_type in ("Div", "Mod")]
    assert divisors
    for divisor in divisors:
        # Either a constant or looked up in a constant table.
        values = constants[divisor if divisor in constants else source[divisor].input[0]].astype(int)
        assert (values > 0).all()
        assert not (values & (values - 1)).any()


def test_nodes_are_named_by_place_and_constants_are_shared() -> None:
    model = export_model(hwsim.random_ticket(SMALL))
    names = [node.name for node in model.graph.node]
    assert len(set(names)) == len(names)
    assert "/layers.0/attn/score/abs" in names
    assert "/layers.1/ffn/out/matmul" in names
    assert "/classify/matmul" in names
    stored = [c for c in model.graph.initializer if not c.name.startswith("/")]
    content = {(c.data_type, tuple(c.dims), c.raw_data, tuple(c.int32_data)) for c in stored}
    assert len(content) == len(stored)
    used = {name for node in model.graph.node for name in node.input}
    assert {c.name for c in model.graph.initializer} <= used


def test_the_metadata() -> None:
    ticket = hwsim.random_ticket(SMALL).replace(labels=("a", "b", "c"))
    metadata = {entry.key: entry.value for entry in export_model(ticket).metadata_props}
    assert metadata["producer"] == f"hwsim {hwsim.__version__}"
    assert (metadata["format"], metadata["format_version"], metadata["profile"]) == (
        "hwsim-onnx",
        "2",
        "portable",
    )
    assert metadata["rounding"] == ops.Rounding.HALF_UP.value
    assert metadata["ticket"] == ticket.digest()
    assert ModelConfig.from_dict(json.loads(metadata["config"])) == SMALL
    assert json.loads(metadata["scales"]) == scales(SMALL)
    assert json.loads(metadata["labels"]) == ["a", "b", "c"]


@pytest.mark.parametrize("inner_norms", [False, True])
def test_the_scales_name_every_tensor_in_order(inner_norms: bool) -> None:
    ticket = hwsim.random_ticket(config(16, 8, 8, layers=2, inner_norms=inner_norms))
    trace = hwsim.forward(ticket, np.zeros((1, 2), int), trace=True).trace
    recorded = scales(ticket.config)
    assert list(recorded) == list(trace)
    assert (recorded["embed"], recorded["layers.1.ffn_out"], recorded["layers.0.q"]) == (10, 10, 5)


def test_the_same_ticket_gives_the_same_bytes() -> None:
    first, second = (export_model(hwsim.random_ticket(SMALL), trace=True) for _ in range(2))
    assert first.SerializeToString(deterministic=True) == second.SerializeToString(deterministic=True)


def test_the_file_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ticket = hwsim.random_ticket(SMALL)
    path = save_model(export_model(ticket), tmp_path / "deep" / "model.onnx")
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert session.get_modelmeta().custom_metadata_map["ticket"] == ticket.digest()
    before = path.read_bytes()

    def fail(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="full"):
        save_model(export_model(hwsim.random_ticket(SMALL, seed=9)), path)
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == ["model.onnx"]


def test_a_model_that_is_not_proved_is_not_exported() -> None:
    ticket = hwsim.random_ticket(SMALL)
    bias = np.full(3, 1 << 24, np.int32)
    with pytest.raises(RangeError, match=r"logits\.partial .* too much"):
        export_model(ticket.replace(classify_bias=bias))


def test_a_block_that_is_not_proved_is_not_exported() -> None:
    ticket = hwsim.random_ticket(SMALL)
    linear = ticket.layers[1].linears["k"]
    linear.bias[0] = 1 << 24
    for export in (export_model, lambda t: export_block(t, 1)):
        with pytest.raises(RangeError, match=r"k\.partial .* too much"):
            export(ticket)
    export_block(ticket, 0)


@pytest.mark.parametrize("export", [export_block, export_head])
@pytest.mark.parametrize("layer", [-1, 2])
def test_a_layer_that_is_not_there_is_refused(export: object, layer: int) -> None:
    with pytest.raises(HwsimError, match=r"layers 0\.\.1"):
        export(hwsim.random_ticket(SMALL), layer)  # type: ignore[operator]
