"""Manhattan norm in PyTorch (golden: `hwsim.ops.manhattan_norm`)."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from hwsim.models.kernels.pieces import uses_triton
from hwsim.models.ops._straight_through import exactly, power_of_two
from hwsim.models.ops.requantize import requantize
from hwsim.ops import largest
from hwsim.ops.manhattan_norm import RECIPROCAL, norm_exponent_offset


@functools.cache
def _table(dtype: torch.dtype, device: torch.device) -> Tensor:
    """The reciprocals, copied to each device once: a CUDA graph cannot record a copy from the CPU."""
    return torch.as_tensor(RECIPROCAL, dtype=dtype, device=device)


def manhattan_norm(x: Tensor) -> Tensor:
    """Rows divided by their L1 norm, to three bits; the gradient is that of x * 2^(4-c) / L.

    frexp gives the exact floor(log2 L); log2 in float32 does not.
    """
    offset = norm_exponent_offset(x.shape[-1])
    if uses_triton(x) and x.dtype == torch.float32:
        from hwsim.models.kernels.divide import Divide

        return Divide.apply(x, _table(x.dtype, x.device), offset, largest(8))
    norm = x.abs().sum(-1, keepdim=True).clamp(min=1)
    return exactly(divide(x, norm, offset), x * (2.0 ** (4 - offset) / norm))


@torch.no_grad()
def divide(x: Tensor, norm: Tensor, offset: int) -> Tensor:
    """x * 2^(4-offset) / norm as int8 values, norm (whole, 1 or more) inverted to three bits; no gradient."""
    exponent = torch.frexp(norm)[1] - 1
    mantissa = (norm * power_of_two(3 - exponent)).floor().long() - 8
    return requantize(x * _table(x.dtype, x.device)[mantissa], (exponent + offset).clamp(min=0), 8)
