"""The integer operators, golden form. One operator, one name, four folders.

Each is defined here in NumPy, and under the same name in `hwsim.models.ops` (PyTorch),
`hwsim.onnx_export.ops` (ONNX) and `rtl/` (Verilog). `docs/arithmetic.md` is their contract.
"""

from hwsim.ops.classify import classify
from hwsim.ops.embed import embed
from hwsim.ops.inhibit import inhibit, inhibit_sum
from hwsim.ops.linear import linear
from hwsim.ops.manhattan_norm import manhattan_norm
from hwsim.ops.manhattan_score import manhattan_score
from hwsim.ops.pool import pool
from hwsim.ops.relu import relu
from hwsim.ops.requantize import Rounding, largest, requantize, round_shift, saturate
from hwsim.ops.residual_add import residual_add

OPERATORS = (
    "round_shift",
    "saturate",
    "requantize",
    "embed",
    "manhattan_norm",
    "linear",
    "relu",
    "manhattan_score",
    "inhibit",
    "residual_add",
    "pool",
    "classify",
)
"""Names of the operators that exist in all four implementations with this signature."""

__all__ = [
    "OPERATORS",
    "Rounding",
    "classify",
    "embed",
    "inhibit",
    "inhibit_sum",
    "largest",
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
