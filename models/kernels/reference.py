"""The definitions in broadcasting PyTorch, any dtype, gradients by autograd: what the kernels must equal.

Memory grows with n x n x dh; used in tests and as the yardstick of the benchmark.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hwsim.models.ops._straight_through import floor

FAR = 2.0**60


def manhattan_distance(q: Tensor, k: Tensor) -> Tensor:
    """z_ij = sum_k |q_ik - k_jk|."""
    return (q[..., :, None, :] - k[..., None, :, :]).abs().sum(-1)


def inhibit_sum(v: Tensor, score: Tensor, signed: bool = True) -> Tensor:
    """H_ik = sum_j sign(v_jk) relu(|v_jk| - z'_ij), or sum_j relu(v_jk - z'_ij)."""
    v, score = v[..., None, :, :], score[..., :, :, None]
    kept = v.sign() * torch.relu(v.abs() - score) if signed else torch.relu(v - score)
    return kept.sum(-2)


def score(
    z: Tensor, mask: Tensor, scale_or_shift: Tensor, delta: Tensor, centring: str, whole: bool
) -> Tensor:
    """z' of the distances z [..., h, n, n]; arguments as of `inhibitor_attention`, the shift a tensor."""
    real = mask[..., None, None, :]
    if whole:
        z = floor((z + torch.exp2(scale_or_shift.detach() - 1).floor()) * torch.exp2(-scale_or_shift))
    else:
        z = z * scale_or_shift
    if centring == "min":
        z = z - z.masked_fill(~real, FAR).amin(-1, keepdim=True)
    elif centring == "mean":
        mean = z.masked_fill(~real, 0).sum(-1, keepdim=True) / real.sum(-1, keepdim=True)
        z = z - (floor(mean) if whole else mean)
    z = z - delta[..., None, None]
    return z.clamp(0, 127).masked_fill(~real, 127) if whole else torch.relu(z).masked_fill(~real, FAR)


def inhibitor_attention(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor, scale_or_shift: Tensor, delta: Tensor,
    centring: str = "min", signed: bool = True, whole: bool = True,
) -> Tensor:  # fmt: skip
    """As `hwsim.models.kernels.inhibitor_attention`."""
    return inhibit_sum(
        v, score(manhattan_distance(q, k), mask, scale_or_shift, delta, centring, whole), signed
    )
