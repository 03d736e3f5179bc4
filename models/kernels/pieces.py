"""The two halves of Inhibitor attention, differentiable: Triton on a GPU, chunks on a CPU.

Imports nothing from `hwsim.models.ops`, which imports this.
"""

from __future__ import annotations

import os
from typing import Any

import torch
from torch import Tensor

from hwsim.models.kernels import on_cpu


def uses_triton(x: Tensor) -> bool:
    """Whether `x` goes to the Triton kernels: on a GPU, and anywhere if TRITON_INTERPRET=1 asks for it."""
    return x.is_cuda or os.environ.get("TRITON_INTERPRET") == "1"


def implementation(x: Tensor) -> Any:
    """The module that computes for `x`: the Triton kernels or the chunked form."""
    if not uses_triton(x):
        return on_cpu
    from hwsim.models.kernels import on_gpu

    return on_gpu


def manhattan_distance(q: Tensor, k: Tensor, whole: bool = False) -> Tensor:
    """z_ij = sum_k |q_ik - k_jk|, [..., n, n]; `whole`: q and k hold int8 values, which a GPU does faster."""
    return over_items(implementation(q).Distance, (q, k), whole)


def inhibit_sum(v: Tensor, score: Tensor, signed: bool = True) -> Tensor:
    """The exact sum H over keys of sign(v) * relu(|v| - score), or relu(v - score); [..., n, dh].

    v: [..., n, dh]; score: [..., n, n], not negative. A value equal to its score passes no gradient.
    """
    return over_items(implementation(v).InhibitSum, (v, score), signed)


def over_items(function: Any, tensors: tuple[Tensor, ...], *rest: Any) -> Tensor:
    """Apply `function` to tensors [..., a, b] with their leading axes made one."""
    lead = torch.broadcast_shapes(*(x.shape[:-2] for x in tensors))
    flat = [x.expand(*lead, *x.shape[-2:]).reshape(-1, *x.shape[-2:]) for x in tensors]
    if uses_triton(flat[0]):
        flat = [x.float() for x in flat]
    out = function.apply(*flat, *rest)
    return out.reshape(*lead, *out.shape[-2:]).to(tensors[0].dtype)
