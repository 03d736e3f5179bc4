"""Inhibition score in PyTorch (golden: `hwsim.ops.manhattan_score`)."""

from __future__ import annotations

from torch import Tensor

from hwsim.models.ops._fused import fused_on_gpu
from hwsim.models.ops._straight_through import floor
from hwsim.models.ops.requantize import Shift, round_shift
from hwsim.ops.manhattan_score import LARGEST_SCORE

FAR = float(1 << 24)


@fused_on_gpu
def manhattan_distance(q: Tensor, k: Tensor) -> Tensor:
    """z_ij = sum_k |q_ik - k_jk|, [..., n, n]."""
    return (q[..., :, None, :] - k[..., None, :, :]).abs().sum(-1)


def manhattan_score(
    q: Tensor, k: Tensor, mask: Tensor, shift: Shift, delta: Tensor, centring: str = "min"
) -> Tensor:
    """clamp(round_shift(z, shift) - centre - delta, 0, 127); 127 at padded keys.

    q, k: [..., h, n, dh]; mask: bool [..., n]; delta: [h], whole numbers; differentiable in all but mask.
    """
    score = round_shift(manhattan_distance(q, k), shift)
    real = mask[..., None, None, :]
    if centring == "min":
        score = score - score.masked_fill(~real, FAR).amin(-1, keepdim=True)
    elif centring == "mean":
        score = score - floor_divide(
            score.masked_fill(~real, 0).sum(-1, keepdim=True), real.sum(-1, keepdim=True)
        )
    score = (score - delta[:, None, None]).clamp(0, LARGEST_SCORE)
    return score.masked_fill(~real, LARGEST_SCORE)


def floor_divide(total: Tensor, count: Tensor) -> Tensor:
    """floor(total / count) of whole numbers 0 <= total < 2^24, exact: in float64 no quotient rounds up."""
    return floor(total.double() / count).to(total.dtype)
