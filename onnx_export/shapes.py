"""The shapes of a model's tensors once its named axes have sizes."""

from __future__ import annotations

from collections.abc import Mapping

import onnx

from hwsim.errors import HwsimError


def with_sizes(model: onnx.ModelProto, axes: Mapping[str, int]) -> onnx.ModelProto:
    """A copy in which every named axis of an input has its size and all shapes are inferred again.

    Raises HwsimError for an axis without a size; what shape inference raises for impossible sizes.
    """
    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    del fixed.graph.value_info[:]
    for value in fixed.graph.input:
        for axis in value.type.tensor_type.shape.dim:
            if axis.dim_param:
                if axis.dim_param not in axes:
                    raise HwsimError(f"input {value.name} has an axis {axis.dim_param!r} of no given size")
                axis.dim_value = axes[axis.dim_param]
    for value in fixed.graph.output:
        value.type.tensor_type.ClearField("shape")
    return onnx.shape_inference.infer_shapes(fixed, check_type=True, strict_mode=True, data_prop=True)


def shapes(model: onnx.ModelProto) -> dict[str, tuple[int, tuple[int, ...] | None]]:
    """(element type, shape) of every tensor by name; None for a shape that is not known whole."""
    graph = model.graph
    found: dict[str, tuple[int, tuple[int, ...] | None]] = {
        constant.name: (constant.data_type, tuple(constant.dims)) for constant in graph.initializer
    }
    for value in (*graph.input, *graph.value_info, *graph.output):
        kind = value.type.tensor_type
        axes = [axis.dim_value if axis.HasField("dim_value") else None for axis in kind.shape.dim]
        whole = kind.HasField("shape") and None not in axes
        found[value.name] = (kind.elem_type, tuple(a for a in axes if a is not None) if whole else None)
    return found
