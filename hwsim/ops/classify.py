"""The head: integer logits."""

from __future__ import annotations

import numpy as np

from hwsim.ops.linear import linear


def classify(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """weight @ x + bias: logits int32 [..., classes].

    x: int8 [..., d]; weight: int8 [classes, d]; bias: int32 [classes].
    """
    return linear(x, weight, bias)
