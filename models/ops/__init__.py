"""The integer operators in PyTorch: float32 tensors that hold exact integers, with gradients."""

from hwsim.models.ops.classify import classify
from hwsim.models.ops.embed import embed
from hwsim.models.ops.inhibit import inhibit, inhibit_sum
from hwsim.models.ops.linear import linear
from hwsim.models.ops.manhattan_norm import manhattan_norm
from hwsim.models.ops.manhattan_score import manhattan_distance, manhattan_score
from hwsim.models.ops.pool import pool
from hwsim.models.ops.relu import relu
from hwsim.models.ops.requantize import requantize, round_shift, saturate
from hwsim.models.ops.residual_add import residual_add

__all__ = [
    "classify",
    "embed",
    "inhibit",
    "inhibit_sum",
    "linear",
    "manhattan_distance",
    "manhattan_norm",
    "manhattan_score",
    "pool",
    "relu",
    "requantize",
    "residual_add",
    "round_shift",
    "saturate",
]
