"""Inhibition score in PyTorch (golden: `hwsim.ops.manhattan_score`)."""

from __future__ import annotations

from torch import Tensor

from hwsim.models.kernels.pieces import manhattan_distance
from hwsim.models.ops._straight_through import floor
from hwsim.models.ops.requantize import Shift, round_shift
from hwsim.ops.manhattan_score import LARGEST_SCORE

FAR = float(1 << 24)


def manhattan_score(
    q: Tensor, k: Tensor, mask: Tensor, shift: Shift, delta: Tensor, centring: str = "min"
) -> Tensor:
    """clamp(round_shift(z, shift) - centre - delta, 0, 127); 127 at padded keys.

    q, k: [..., h, n, dh]; mask: bool [..., n]; delta: [..., h], whole numbers; gradients to all but mask.
    """
    score = round_shift(manhattan_distance(q, k, whole=True), shift)
    real = mask[..., None, None, :]
    if centring == "min":
        score = score - score.masked_fill(~real, FAR).amin(-1, keepdim=True)
    elif centring == "mean":
        score = score - floor_divide(
            score.masked_fill(~real, 0).sum(-1, keepdim=True), real.sum(-1, keepdim=True)
        )
    score = (score - delta[..., None, None]).clamp(0, LARGEST_SCORE)
    return score.masked_fill(~real, LARGEST_SCORE)


def floor_divide(total: Tensor, count: Tensor) -> Tensor:
    """floor(total / count) of whole numbers 0 <= total < 2^24, exact: in float64 no quotient rounds up."""
    return floor(total.double() / count).to(total.dtype)
