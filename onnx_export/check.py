"""What a finished model must satisfy before anyone sees it."""

from __future__ import annotations

import onnx
from onnx import TensorProto

from hwsim.errors import HwsimError
from hwsim.onnx_export.profiles import PORTABLE, Profile


def check_model(model: onnx.ModelProto, profile: Profile = PORTABLE) -> onnx.ModelProto:
    """Return the model with the inferred shape of every tensor written into it.

    Raises HwsimError for a model that is not valid ONNX, uses an operator or type outside the profile, or
    holds a computed tensor whose shape cannot be inferred.
    """
    for node in model.graph.node:
        if node.op_type not in profile.operators or node.domain:
            raise HwsimError(
                f"node {node.name}: operator {node.op_type} is not in the {profile.name} profile"
            )
    for constant in model.graph.initializer:
        if constant.data_type not in profile.constants:
            allowed = ", ".join(TensorProto.DataType.Name(kind).lower() for kind in sorted(profile.constants))
            kind = TensorProto.DataType.Name(constant.data_type)
            raise HwsimError(f"constant {constant.name} has type {kind}; use {allowed}")
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
        # The rows of the token table stay int8 between Gather and Cast.
        if found.elem_type not in profile.computed and node.output[0] not in tokens:
            kind = TensorProto.DataType.Name(found.elem_type)
            raise HwsimError(f"node {node.name} computes {kind}, not int32")
    return model
