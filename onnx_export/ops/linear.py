"""Integer linear layer."""

from __future__ import annotations

import numpy as np

from hwsim.onnx_export.builder import Builder


def linear(b: Builder, x: str, weight: np.ndarray, bias: np.ndarray) -> str:
    """bias + weight @ x for rows x [..., k]; weight [o, k], stored as int8 [k, o]."""
    acc = b.op("MatMul", x, b.int32(weight.T, "weight"))
    return b.op("Add", acc, b.constant(bias.astype(np.int32), "bias"))
