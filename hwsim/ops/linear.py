"""Integer linear layer. Its cost in hardware is the number of non-zero signed digits (`hwsim.digits`)."""

from __future__ import annotations

import numpy as np

from hwsim.errors import HwsimError
from hwsim.ops import _check
from hwsim.ops._exact import exact_matmul


def check_linear(
    x: np.ndarray, weight: np.ndarray, bias: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The checked arguments of `linear`; raises HwsimError naming the bad one."""
    x = _check.integers("x", x, 8)
    weight = _check.integers("weight", weight, 8)
    bias = _check.integers("bias", bias, 32)
    if weight.ndim != 2 or x.shape[-1:] != weight.shape[1:] or bias.shape != weight.shape[:1]:
        raise HwsimError(
            f"x {x.shape}, weight {weight.shape} and bias {bias.shape} do not fit; "
            "linear takes x [..., k], weight [o, k], bias [o]"
        )
    return x, weight, bias


def linear(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """acc_o = bias_o + sum_k weight_ok * x_k, exactly.

    x: int8 [..., k]; weight: int8 [o, k], zeros are pruned connections; bias: int32 [o].
    Returns int32 [..., o]; `requantize` or `residual_add` follows.
    Raises HwsimError for wrong shapes or if a result leaves int32.
    """
    x, weight, bias = check_linear(x, weight, bias)
    acc = exact_matmul(x, weight) + bias
    return _check.integers("the accumulator", acc, 32).astype(np.int32)
