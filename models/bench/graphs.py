"""ONNX graphs of what others run: dot-product attention in float32 and int8, a whole float Transformer."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from hwsim.config import ModelConfig

OPSET = 17
FLOAT, UINT8, INT8, INT64 = TensorProto.FLOAT, TensorProto.UINT8, TensorProto.INT8, TensorProto.INT64


class Graph:
    """A growing ONNX graph."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, value: Any, dtype: type = np.float32) -> str:
        """An initializer's name."""
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def node(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> Any:
        """The name, or the names, of what a node returns."""
        names = [f"v{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, inputs, names, **attributes))
        return names[0] if outputs == 1 else names

    def model(self, inputs: dict[str, tuple[int, list[Any]]], output: str, kind: int, rank: int) -> bytes:
        """A serialised model with these inputs (element type, shape) and one output."""
        given = [helper.make_tensor_value_info(name, *about) for name, about in inputs.items()]
        shape = [f"d{i}" for i in range(rank)]
        graph = helper.make_graph(
            self.nodes, "peer", given, [helper.make_tensor_value_info(output, kind, shape)], self.constants
        )
        opset = [helper.make_opsetid("", OPSET)]
        return helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()


def float_head(n: int, dh: int) -> bytes:
    """softmax(q k^T / sqrt(dh)) v in float32."""
    g = Graph()
    scaled = g.node("Mul", "q", g.constant(dh**-0.5))
    weights = g.node("Softmax", g.node("MatMul", scaled, g.node("Transpose", "k", perm=[1, 0])), axis=-1)
    out = g.node("MatMul", weights, "v")
    return g.model({name: (FLOAT, [n, dh]) for name in "qkv"}, out, FLOAT, 2)


def integer_head(n: int, dh: int) -> bytes:
    """MatMulInteger, Softmax in float32, MatMulInteger, on uint8 whose zero is 128; returns int8.

    onnxruntime's uint8 by int8 product saturates on AVX2, and so would be fast but wrong.
    """
    g = Graph()
    zero = g.constant(128, np.uint8)
    product = g.node("MatMulInteger", "q", g.node("Transpose", "k", perm=[1, 0]), zero, zero)
    scores = g.node("Mul", g.node("Cast", product, to=FLOAT), g.constant(dh**-0.5 / 900))
    unit, none = g.constant(1 / 255), g.constant(0, np.uint8)
    weights = g.node("QuantizeLinear", g.node("Softmax", scores, axis=-1), unit, none)
    real = g.node("Mul", g.node("Cast", g.node("MatMulInteger", weights, "v", none, zero), to=FLOAT), unit)
    out = g.node("QuantizeLinear", real, g.constant(1.0), g.constant(0, np.int8))
    return g.model({name: (UINT8, [n, dh]) for name in "qkv"}, out, INT8, 2)


def twin(config: ModelConfig, seed: int = 0) -> bytes:
    """The ticket's Transformer with dot-product attention and LayerNorm in float32, with random weights.

    Queries, keys and values come from one matrix product, as in the emulator.
    """
    g, rng = Graph(), np.random.default_rng(seed)
    d, h, dh = config.width, config.heads, config.head_width

    def normed(x: str) -> str:
        return g.node("LayerNormalization", x, g.constant(np.ones(d)), g.constant(np.zeros(d)), axis=-1)

    def linear(x: str, outputs: int, inputs: int) -> str:
        weight = rng.normal(0, inputs**-0.5, (inputs, outputs))
        return g.node("Add", g.node("MatMul", x, g.constant(weight)), g.constant(rng.normal(size=outputs)))

    def split(x: str, perm: list[int]) -> str:
        heads = g.node("Reshape", x, g.constant([0, 0, h, dh], np.int64))
        return g.node("Transpose", heads, perm=perm)

    tokens = g.node("Gather", g.constant(rng.normal(size=(config.vocabulary, d))), "token_ids")
    length = g.node(
        "Slice", g.node("Shape", "token_ids"), g.constant([1], np.int64), g.constant([2], np.int64)
    )
    table = g.constant(rng.normal(size=(config.max_tokens, d)))
    x = g.node("Add", tokens, g.node("Slice", table, g.constant([0], np.int64), length))
    for _ in range(config.layers):
        parts = g.node("Split", linear(normed(x), 3 * d, d), outputs=3, axis=-1)
        q, k, v = (split(x, [0, 2, 3, 1] if i == 1 else [0, 2, 1, 3]) for i, x in enumerate(parts))
        scores = g.node("MatMul", g.node("Mul", q, g.constant(dh**-0.5)), k)
        mixed = g.node("MatMul", g.node("Softmax", scores, axis=-1), v)
        merged = g.node(
            "Reshape", g.node("Transpose", mixed, perm=[0, 2, 1, 3]), g.constant([0, 0, d], np.int64)
        )
        x = g.node("Add", x, linear(merged, d, d))
        x = g.node("Add", x, linear(g.node("Relu", linear(normed(x), config.hidden, d)), d, config.hidden))
    pooled = g.node("ReduceMean", normed(x), axes=[1], keepdims=0)
    logits = linear(pooled, config.classes, d)
    return g.model({"token_ids": (INT64, ["batch", "n"])}, logits, FLOAT, 2)


def quantised(model: bytes, unsigned: bool) -> bytes:
    """onnxruntime's dynamic quantisation: int8 or uint8 weights, activations quantised at run time."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    kind = QuantType.QUInt8 if unsigned else QuantType.QInt8
    with tempfile.TemporaryDirectory() as made:
        given, wanted = Path(made, "float.onnx"), Path(made, "int8.onnx")
        given.write_bytes(model)
        quantize_dynamic(given, wanted, weight_type=kind)
        return wanted.read_bytes()


def run(model: bytes, inputs: dict[str, np.ndarray]) -> Callable[[], Any]:
    """A call of onnxruntime on one thread with all of its optimisations."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, inputs)
