"""What a portable model may hold, checked on every finished model before anyone sees it."""

from __future__ import annotations

import onnx
from onnx import TensorProto

from hwsim.errors import HwsimError

OPERATORS = frozenset(
    (
        "Abs",
        "Add",
        "Cast",
        "Concat",
        "CumSum",
        "Div",
        "Gather",
        "Identity",
        "MatMul",
        "Max",
        "Min",
        "Mod",
        "Mul",
        "ReduceMin",
        "ReduceSum",
        "Reshape",
        "Sub",
        "Transpose",
        "Unsqueeze",
    )
)
"""The operators of the portable profile, all of the standard domain."""

CONSTANT_TYPES = (TensorProto.INT8, TensorProto.INT32, TensorProto.INT64)
"""int8 weights and tables, int32 arithmetic, int64 shapes and axes (which the standard demands)."""


def check_model(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model with the inferred shape of every tensor written into it.

    Raises HwsimError for a model that is not valid ONNX, uses an operator or type outside the portable
    profile, or holds a computed tensor whose shape or int32 type cannot be inferred.
    """
    for node in model.graph.node:
        if node.op_type not in OPERATORS or node.domain:
            raise HwsimError(f"node {node.name}: operator {node.op_type} is not in the portable profile")
    for constant in model.graph.initializer:
        if constant.data_type not in CONSTANT_TYPES:
            kind = TensorProto.DataType.Name(constant.data_type)
            raise HwsimError(f"constant {constant.name} has type {kind}; use int8, int32 or int64")
    try:
        model = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise HwsimError(f"the exported graph is not valid ONNX: {error}") from error
    tokens = {node.output[0] for node in model.graph.node if node.op_type == "Gather"}
    known = {value.name: value.type.tensor_type for value in (*model.graph.value_info, *model.graph.output)}
    for node in model.graph.node:
        found = known.get(node.output[0])
        if found is None or not found.HasField("shape"):
            raise HwsimError(f"node {node.name}: no shape could be inferred")
        # The rows of the token table stay int8 between Gather and Cast; everything else is int32.
        if found.elem_type != TensorProto.INT32 and node.output[0] not in tokens:
            raise HwsimError(
                f"node {node.name} computes {TensorProto.DataType.Name(found.elem_type)}, not int32"
            )
    return model
