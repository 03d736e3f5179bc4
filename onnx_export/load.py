"""Read an ONNX file that nobody vouches for.

What is accepted is a plain-integer graph of the two profiles and nothing else. A runtime that gets it can
neither divide by zero nor trap on the one quotient that overflows, run forever, read another file or
allocate without bound.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from onnx import AttributeProto, TensorProto, numpy_helper

from hwsim import sizes
from hwsim.errors import HwsimError
from hwsim.onnx_export.builder import IR_VERSION, OPSET
from hwsim.onnx_export.profiles import FAST
from hwsim.onnx_export.shapes import shapes, with_sizes

SIZE_LIMIT = 256 << 20
"""Bytes of a file, as of a ticket's."""
LARGEST_NODES = 100_000
LARGEST_INPUTS = 8
LARGEST_TENSOR = 1 << 28
"""Elements of one computed tensor for one sequence of the longest published length."""
NEWEST_IR = 10

ATTRIBUTES = {
    "Cast": {"to": AttributeProto.INT},
    "Concat": {"axis": AttributeProto.INT},
    "CumSum": {"exclusive": AttributeProto.INT, "reverse": AttributeProto.INT},
    "Gather": {"axis": AttributeProto.INT},
    "ReduceMin": {"axes": AttributeProto.INTS, "keepdims": AttributeProto.INT},
    "ReduceSum": {"keepdims": AttributeProto.INT},
    "Transpose": {"perm": AttributeProto.INTS},
}
"""The only attributes a node may have: none holds a graph, a tensor or a name."""

MUST_BE_STORED = {"CumSum": 1, "ReduceSum": 1, "Reshape": 1, "Unsqueeze": 1}
"""Operand that decides a shape or an axis: a constant, so that every shape is known in advance."""


class OnnxFileError(HwsimError):
    """A file that `load_model` refuses."""

    def __init__(self, file: str, reason: str, node: str = "") -> None:
        self.file, self.node, self.reason = file, node, reason
        super().__init__(f"{file}: {f'node {node}: ' if node else ''}{reason}")


class _Refused(Exception):
    """reason, node."""


def load_model(path: str | os.PathLike[str]) -> onnx.ModelProto:
    """The checked model, with every tensor's shape written into it.

    Raises OnnxFileError, naming the file, the node if it is one's fault, and the reason, for anything but a
    graph of opset 17 that keeps to the operators, types and attributes of the fast profile (of which the
    portable one is a part), has no external data, functions, control flow or sparse or overridable
    constants, divides by positive powers of two only, and whose tensors all have a bounded shape.
    """
    name = os.fspath(path)
    try:
        with Path(path).open("rb") as file:
            content = file.read(SIZE_LIMIT + 1)
    except OSError as error:
        raise OnnxFileError(name, f"cannot be read ({error.strerror})") from error
    return parse(content, name)


def parse(content: bytes, name: str = "model") -> onnx.ModelProto:
    """`load_model` for the content of a file, which errors call `name`."""
    if len(content) > SIZE_LIMIT:
        raise OnnxFileError(name, f"has more than {SIZE_LIMIT} bytes")
    try:
        model = onnx.ModelProto.FromString(content)
        _check_header(model)
        _check_tensors(model.graph)
        _check_nodes(model.graph)
        model = _inferred(model)
        _check_sizes(model)
    except _Refused as refused:
        raise OnnxFileError(name, *refused.args) from None
    except Exception as error:
        # protobuf, the checker and shape inference raise exceptions of many unrelated types.
        reason = " ".join(str(error).split())[:500]
        raise OnnxFileError(name, f"is not valid ONNX ({reason or type(error).__name__})") from error
    return model


def _check_header(model: onnx.ModelProto) -> None:
    if not IR_VERSION <= model.ir_version <= NEWEST_IR:
        raise _Refused(f"has IR version {model.ir_version}; {IR_VERSION}..{NEWEST_IR} are accepted")
    imports = [(entry.domain or "ai.onnx", entry.version) for entry in model.opset_import]
    if imports != [("ai.onnx", OPSET)]:
        raise _Refused(f"imports {imports or 'no operators'}; only opset {OPSET} of the standard is accepted")
    graph = model.graph
    if model.functions or model.training_info:
        raise _Refused("holds functions or training information")
    if graph.sparse_initializer or graph.quantization_annotation:
        raise _Refused("holds sparse constants or quantisation annotations")
    if len(graph.node) > LARGEST_NODES:
        raise _Refused(f"has {len(graph.node)} nodes; at most {LARGEST_NODES} are accepted")
    if not 1 <= len(graph.input) <= LARGEST_INPUTS or not graph.output:
        raise _Refused(f"has {len(graph.input)} inputs and {len(graph.output)} outputs")


def _kind(number: int) -> str:
    return TensorProto.DataType.Name(number).lower() if number in TensorProto.DataType.values() else "unknown"


def _check_tensors(graph: onnx.GraphProto) -> None:
    """Stored tensors, inputs and outputs."""
    inputs = {value.name for value in graph.input}
    for constant in graph.initializer:
        where = f"constant {constant.name!r}"
        if constant.data_location != TensorProto.DEFAULT or constant.external_data:
            raise _Refused(f"{where} is stored in another file")
        if constant.data_type not in FAST.constants:
            raise _Refused(f"{where} is of type {_kind(constant.data_type)}")
        if constant.name in inputs:
            raise _Refused(f"{where} is an input too")
        if any(axis < 0 for axis in constant.dims) or np.prod(constant.dims, dtype=object) > SIZE_LIMIT:
            raise _Refused(f"{where} has the shape {list(constant.dims)}")
        numpy_helper.to_array(constant)
    for value in (*graph.input, *graph.output):
        if value.type.WhichOneof("value") != "tensor_type":
            raise _Refused(f"{value.name!r} is no tensor")
        if value.type.tensor_type.elem_type != TensorProto.INT32:
            raise _Refused(f"{value.name!r} is of type {_kind(value.type.tensor_type.elem_type)}, not int32")
    for value in graph.input:
        if not value.type.tensor_type.HasField("shape"):
            raise _Refused(f"input {value.name!r} has no shape")
        for axis in value.type.tensor_type.shape.dim:
            if not axis.dim_param and not 1 <= axis.dim_value <= LARGEST_TENSOR:
                raise _Refused(f"input {value.name!r} has an axis of {axis.dim_value}")


def _check_nodes(graph: onnx.GraphProto) -> None:
    """Operators, attributes, and the operands that must be constants."""
    stored = {constant.name: constant for constant in graph.initializer}
    powers = {name for name, constant in stored.items() if _all_powers_of_two(constant)}
    divisors = set(powers)
    for node in graph.node:
        kind = node.op_type
        if not node.input or len(node.output) != 1:
            raise _Refused(f"has {len(node.input)} inputs and {len(node.output)} outputs", node.name)
        if kind not in FAST.operators or node.domain not in ("", "ai.onnx"):
            raise _Refused(f"the operator {kind} of domain {node.domain!r} is not accepted", node.name)
        for attribute in node.attribute:
            if ATTRIBUTES.get(kind, {}).get(attribute.name) != attribute.type:
                raise _Refused(f"the attribute {attribute.name!r} of {kind} is not accepted", node.name)
            if attribute.ref_attr_name:
                raise _Refused(f"the attribute {attribute.name!r} refers to a function's", node.name)
            if attribute.name == "to" and attribute.i not in FAST.computed:
                raise _Refused(f"a cast to {_kind(attribute.i)} is not accepted", node.name)
        place = MUST_BE_STORED.get(kind)
        if place is not None and (len(node.input) <= place or node.input[place] not in stored):
            raise _Refused(f"operand {place} of {kind} is no constant", node.name)
        if kind in ("Div", "Mod") and node.input[-1] not in divisors:
            raise _Refused("the divisor is not made of positive powers of two", node.name)
        if kind == "Gather" and node.input[0] in powers:
            divisors.add(node.output[0])


def _all_powers_of_two(constant: TensorProto) -> bool:
    values = numpy_helper.to_array(constant).astype(np.int64)
    return bool(values.size and (values > 0).all() and not (values & (values - 1)).any())


def _inferred(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with the shapes that follow from its inputs, whatever the file says of them."""
    del model.graph.value_info[:]
    model = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    onnx.checker.check_model(model, full_check=True)
    return model


def _axes(model: onnx.ModelProto) -> Iterator[str]:
    for value in model.graph.input:
        for axis in value.type.tensor_type.shape.dim:
            if axis.dim_param:
                yield axis.dim_param


def _check_sizes(model: onnx.ModelProto) -> None:
    """Types and shapes of everything computed for one sequence of the longest length."""
    longest = {axis: 1 if axis == "batch" else sizes.MAX_TOKENS[-1] for axis in _axes(model)}
    known = shapes(with_sizes(model, longest))
    rows = {node.output[0] for node in model.graph.node if node.op_type == "Gather"}
    for node in model.graph.node:
        for name in node.output:
            kind, shape = known.get(name, (0, None))
            # The int8 rows of a table, as looked up.
            if kind not in FAST.computed and not (kind == TensorProto.INT8 and name in rows):
                raise _Refused(f"computes {_kind(kind)}", node.name)
            if shape is None or min(shape, default=1) < 1 or np.prod(shape, dtype=object) > LARGEST_TENSOR:
                raise _Refused(f"computes a tensor of shape {shape or 'unknown'}", node.name)
