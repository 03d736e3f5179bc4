"""The integer operators as portable ONNX subgraphs, one file each, named like the NumPy ones.

Each function takes the graph builder, then the NumPy operator's arguments: names of int32 values for the
tensors, plain values for weights and shifts. `manhattan_norm`, `manhattan_score` and `inhibit` also need
sizes that NumPy reads off its arrays.
"""

from hwsim.onnx_export.ops.classify import classify
from hwsim.onnx_export.ops.embed import embed
from hwsim.onnx_export.ops.inhibit import inhibit
from hwsim.onnx_export.ops.linear import linear
from hwsim.onnx_export.ops.manhattan_norm import manhattan_norm
from hwsim.onnx_export.ops.manhattan_score import manhattan_score
from hwsim.onnx_export.ops.pool import pool
from hwsim.onnx_export.ops.relu import relu
from hwsim.onnx_export.ops.requantize import requantize
from hwsim.onnx_export.ops.residual_add import residual_add
from hwsim.onnx_export.ops.round_shift import round_shift
from hwsim.onnx_export.ops.saturate import saturate

__all__ = [
    "classify",
    "embed",
    "inhibit",
    "linear",
    "manhattan_norm",
    "manhattan_score",
    "pool",
    "relu",
    "requantize",
    "residual_add",
    "round_shift",
    "saturate",
]
