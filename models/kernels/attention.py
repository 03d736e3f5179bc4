"""Inhibitor attention for training: one interface, Triton on a GPU and chunks on a CPU."""

from __future__ import annotations

import torch
from torch import Tensor

from hwsim.errors import ConfigError
from hwsim.models.kernels.pieces import implementation, over_items, uses_triton
from hwsim.models.ops._straight_through import power_of_two
from hwsim.ops.manhattan_score import CENTRINGS


def inhibitor_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor,
    scale_or_shift: Tensor | float,
    delta: Tensor,
    centring: str = "min",
    signed: bool = True,
    whole: bool = True,
) -> Tensor:
    """H = inhibit_sum(v, score(q, k)), [..., h, n, dh], in memory linear in n; see docs/kernels.md.

    q, k, v: float [..., h, n, dh]; mask: bool [..., n], True at real tokens, at least one of them.
    scale_or_shift: a number or a tensor that broadcasts over the score as [..., h, 1, 1]; delta: [..., h].

    whole (integer mode): the tensors hold int8 values, and `scale_or_shift` is the right shift, a whole one;
    z' = clamp(round_shift(z, shift) - centre - delta, 0, 127), 127 at padded keys, as in
    `ops.manhattan_score`, to the last bit. Otherwise (float mode) it is the positive factor gamma and
    z' = relu((z - centre(z)) * gamma - delta), padded keys removed.

    Differentiable in all but mask. The gradient is straight through rounding, split over the nearest keys
    (`min`) or all real keys (`mean`), and 0 at |v| = z'. Raises ConfigError for an unknown centring or
    shapes that do not fit.
    """
    if centring not in CENTRINGS:
        raise ConfigError(f"centring is {centring!r}; choose one of {', '.join(CENTRINGS)}")
    if q.ndim < 3 or not q.shape == k.shape == v.shape or mask.shape != (*q.shape[:-3], q.shape[-2]):
        raise ConfigError(
            f"q {tuple(q.shape)}, k {tuple(k.shape)}, v {tuple(v.shape)} must share one shape "
            f"[..., h, n, dh], and mask {tuple(mask.shape)} be [..., n]"
        )
    kind = torch.float32 if whole or uses_triton(q) else q.dtype
    scale = torch.as_tensor(scale_or_shift, device=q.device).to(kind)
    scale = scale[..., 0, 0] if scale.ndim else scale
    if whole:
        scale = power_of_two(-scale)
        half = (0.5 / scale.detach()).floor()
    else:
        half = torch.zeros_like(scale)
    kind = torch.float32 if uses_triton(q) else q.dtype
    heads = [x.to(kind).expand(q.shape[:-2]).reshape(-1) for x in (scale, half, delta)]
    real = mask[..., None, :].expand(q.shape[:-1]).reshape(-1, q.shape[-2])
    return over_items(implementation(q).Attention, (q, k, v), real, *heads, centring, signed, whole)
