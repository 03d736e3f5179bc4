"""Compile a broadcast operator on the GPU, so that its [..., n, n, dh] intermediate is never stored."""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch
from torch import Tensor


def fused_on_gpu(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Run `function` through torch.compile for CUDA tensors and as it is elsewhere."""
    compiled = torch.compile(function, dynamic=True)

    @functools.wraps(function)
    def choose(x: Tensor, *arguments: object) -> Tensor:
        return compiled(x, *arguments) if x.is_cuda else function(x, *arguments)

    return choose
