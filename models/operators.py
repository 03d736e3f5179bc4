"""Run one operator in PyTorch on NumPy arguments, for comparison with the golden one."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from hwsim.cases import Case
from hwsim.models import ops


def to_array(x: torch.Tensor) -> np.ndarray:
    """A float tensor of whole numbers as int64; raises ValueError if it holds anything else."""
    whole = x.detach().cpu().double()
    if not torch.equal(whole, whole.round()):
        raise ValueError("a tensor of the integer model holds a fraction")
    return whole.numpy().astype(np.int64)


def run_operator(case: Case, device: str = "cpu") -> np.ndarray:
    """The result of `case` computed by `hwsim.models.ops`, as int64."""

    def argument(value: Any) -> Any:
        if not isinstance(value, np.ndarray):
            return value
        tensor = torch.from_numpy(np.ascontiguousarray(value)).to(device)
        return tensor if value.dtype == np.bool_ else tensor.float()

    arguments = {name: argument(value) for name, value in case.arguments.items()}
    return to_array(getattr(ops, case.operator)(**arguments))
