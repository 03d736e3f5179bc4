"""Rectifier in PyTorch (golden: `hwsim.ops.relu`)."""

from __future__ import annotations

import torch
from torch import Tensor


def relu(x: Tensor) -> Tensor:
    """max(x, 0)."""
    return torch.relu(x)
