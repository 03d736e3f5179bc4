"""The same functions in plain PyTorch, a chunk of heads and queries at a time.

This is also the readable form of the backward pass that the Triton kernels compute. No tensor of
n x n x dh elements is made beyond one chunk, and the fused form keeps no score.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

FAR = 2.0**60
LARGEST_SCORE = 127.0
CHUNK = 1 << 20
"""Elements of the largest temporary tensor, unless one query alone needs more."""


def chunks(items: int, n: int, features: int) -> Iterator[tuple[slice, slice]]:
    """(heads, queries) whose [heads, queries, n, features] tensor stays within CHUNK elements."""
    queries = min(n, max(1, CHUNK // (n * features)))
    heads = max(1, CHUNK // (queries * n * features))
    for head in range(0, items, heads):
        for query in range(0, n, queries):
            yield slice(head, head + heads), slice(query, query + queries)


def _inhibited(v: Tensor, score: Tensor, signed: bool) -> Tensor:
    """Sum over keys; v: [b, n, dh], score: [b, m, n]."""
    size = (v.abs() if signed else v)[:, None]
    kept = torch.relu(size - score[..., None])
    return (kept * v.sign()[:, None] if signed else kept).sum(2)


def _inhibited_gradients(v: Tensor, score: Tensor, dh: Tensor, signed: bool) -> tuple[Tensor, Tensor]:
    """(dv, dscore): only what is strictly above its score passes a gradient, so ties pass none."""
    size = (v.abs() if signed else v)[:, None]
    passed = torch.where(size > score[..., None], dh[:, :, None], 0)
    return passed.sum(1), -(passed * v.sign()[:, None] if signed else passed).sum(-1)


def _distance_gradients(q: Tensor, k: Tensor, dz: Tensor) -> tuple[Tensor, Tensor]:
    """(dq, dk); the sign of 0 is 0."""
    signs = dz[..., None] * (q[:, :, None] - k[:, None]).sign()
    return signs.sum(2), -signs.sum(1)


class Attention(torch.autograd.Function):
    """See `hwsim.models.kernels.inhibitor_attention`; arguments as on the GPU."""

    @staticmethod
    def forward(
        ctx: Any, q: Tensor, k: Tensor, v: Tensor, mask: Tensor, scale: Tensor, half: Tensor, delta: Tensor,
        centring: str, signed: bool, whole: bool,
    ) -> Tensor:  # fmt: skip
        """q, k, v: [items, n, dh]; mask: bool [items, n]; scale, half, delta: [items]."""
        ctx.save_for_backward(q, k, v, mask, scale, half, delta)
        ctx.flags = centring, signed, whole
        out = torch.empty_like(v)
        for b, m in chunks(*v.shape):
            head = (mask[b], scale[b], half[b], delta[b])
            score = _score(q[b, m], k[b], *head, centring, whole)[0]
            out[b, m] = _inhibited(v[b], score, signed)
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, mask, scale, half, delta = ctx.saved_tensors
        centring, signed, whole = ctx.flags
        dq, dk, dv, dscale, ddelta = (torch.zeros_like(x) for x in (q, k, v, scale, delta))
        for b, m in chunks(*v.shape):
            head = (mask[b], scale[b], half[b], delta[b])
            score, z, passes, share = _score(q[b, m], k[b], *head, centring, whole)
            dv_part, g = _inhibited_gradients(v[b], score, gradients[0][b, m], signed)
            g = torch.where(passes, g, 0)
            ddelta[b] -= g.sum((1, 2))
            g = g - share * g.sum(-1, keepdim=True)
            dscale[b] += (g * (z + half[b, None, None])).sum((1, 2))
            dq_part, dk_part = _distance_gradients(q[b, m], k[b], g * scale[b, None, None])
            dq[b, m] = dq_part
            dk[b] += dk_part
            dv[b] += dv_part
        return dq, dk, dv, None, dscale, None, ddelta, None, None, None


def _score(
    q: Tensor, k: Tensor, mask: Tensor, scale: Tensor, half: Tensor, delta: Tensor, centring: str, whole: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(z', z, where the clamp passes a gradient, d centre / d level), [b, m, n] each."""
    real = mask[:, None]
    z = torch.cdist(q, k, p=1)
    level = ((z + half[:, None, None]) * scale[:, None, None]).floor() if whole else z
    count = real.sum(-1, keepdim=True).clamp(min=1)
    if centring == "min":
        centre = level.masked_fill(~real, FAR).amin(-1, keepdim=True)
        nearest = (level == centre) & real
        share = nearest.to(z.dtype) / nearest.sum(-1, keepdim=True).clamp(min=1)
    elif centring == "mean":
        total = level.masked_fill(~real, 0).sum(-1, keepdim=True)
        # In float64 no quotient of whole numbers rounds up to the next one.
        centre = (total.double() / count).floor().to(z.dtype) if whole else total / count
        share = real.to(z.dtype) / count
    else:
        centre, share = z.new_zeros(()), z.new_zeros(())
    if whole:
        x = level - centre - delta[:, None, None]
        passes = real & (x >= 0) & (x <= LARGEST_SCORE)
        score = x.clamp(0, LARGEST_SCORE).masked_fill(~real, LARGEST_SCORE)
    else:
        x = (level - centre) * scale[:, None, None] - delta[:, None, None]
        passes = real & (x > 0)
        score = torch.relu(x).masked_fill(~real, FAR)
    return score, z, passes, share


class Distance(torch.autograd.Function):
    """z_ij = sum |q_ik - k_jk|, [items, n, n]."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, whole: bool) -> Tensor:
        """q, k: [items, n, dh]; `whole` chooses nothing here."""
        ctx.save_for_backward(q, k)
        return torch.cdist(q, k, p=1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        q, k = ctx.saved_tensors
        dq, dk = torch.zeros_like(q), torch.zeros_like(k)
        for b, m in chunks(*q.shape):
            dq[b, m], dk_part = _distance_gradients(q[b, m], k[b], gradients[0][b, m])
            dk[b] += dk_part
        return dq, dk, None


class InhibitSum(torch.autograd.Function):
    """H_ik = sum over j of the inhibited v_jk, [items, n, dh]."""

    @staticmethod
    def forward(ctx: Any, v: Tensor, score: Tensor, signed: bool) -> Tensor:
        """v: [items, n, dh]; score: [items, n, n], not negative."""
        ctx.save_for_backward(v, score)
        ctx.signed = signed
        out = torch.empty_like(v)
        for b, m in chunks(*v.shape):
            out[b, m] = _inhibited(v[b], score[b, m], signed)
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        v, score = ctx.saved_tensors
        dv, dscore = torch.zeros_like(v), torch.empty_like(score)
        for b, m in chunks(*v.shape):
            dv_part, dscore[b, m] = _inhibited_gradients(v[b], score[b, m], gradients[0][b, m], ctx.signed)
            dv[b] += dv_part
        return dv, dscore, None
