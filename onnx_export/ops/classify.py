"""The head: integer logits."""

from __future__ import annotations

import numpy as np

from hwsim.onnx_export.builder import Builder
from hwsim.onnx_export.ops.linear import linear


def classify(b: Builder, x: str, weight: np.ndarray, bias: np.ndarray) -> str:
    """weight @ x + bias."""
    return linear(b, x, weight, bias)
