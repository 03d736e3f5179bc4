"""Inhibition in PyTorch (golden: `hwsim.ops.inhibit`)."""

from __future__ import annotations

import torch
from torch import Tensor

from hwsim.models.ops._fused import fused_on_gpu
from hwsim.models.ops.requantize import Shift, requantize


@fused_on_gpu
def inhibit_sum(v: Tensor, score: Tensor, signed: bool = True) -> Tensor:
    """The exact sum H; the signed form is V - clip(V, -z', z') summed over keys. [..., n, dh]."""
    v, score = v[..., None, :, :], score[..., :, :, None]
    kept = v - torch.maximum(torch.minimum(v, score), -score) if signed else torch.relu(v - score)
    return kept.sum(-2)


def inhibit(v: Tensor, score: Tensor, shift: Shift, signed: bool = True, bits: int = 8) -> Tensor:
    """requantize(H, shift, bits); v [..., n, dh], score [..., n, n]."""
    return requantize(inhibit_sum(v, score, signed), shift, bits)
