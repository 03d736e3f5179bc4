"""The integer twin with dot products, trainable: `hwsim.baseline`'s integers forward, gradients backward.

All but attention and pooling is the integer model's own. Products stay exact in float32: a head is at most
64 wide and a sequence 512 long, so |q.k| < 2^20 and |shares.v| < 2^23, and half a step of a shift is at most
2^22.
"""

from __future__ import annotations

import functools
import math

import numpy as np
import torch
from torch import Tensor

from hwsim import baseline
from hwsim.baseline.model import EXPONENTIAL, FARTHEST, SCORE_BITS, SOFTMAX_SHIFT
from hwsim.config import ModelConfig
from hwsim.model import Trace
from hwsim.models import ops
from hwsim.models.layers import UNIT, LearnedShift
from hwsim.models.model import EncoderBlock, InhibitorTransformer, Tensors
from hwsim.models.ops._straight_through import exactly
from hwsim.models.ops.manhattan_norm import divide
from hwsim.models.ops.requantize import Shift
from hwsim.ticket import Ticket

FALL = math.log(2) / 8
"""An exponential falls by 2^(-1/8) a step of the score."""


@functools.cache
def _table(dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.as_tensor(EXPONENTIAL, dtype=dtype, device=device)


def softmax(below: Tensor, real: Tensor) -> Tensor:
    """Shares 0..127 of keys [..., n]; below: how far a score is below 0, whole; real: bool, which keys count.

    The gradient is that of 127 * 2^(-below / 8) / (sum over real keys of 2^(-below / 8)).
    """
    with torch.no_grad():
        least = below.masked_fill(~real, torch.inf).amin(-1, keepdim=True)
        distance = (below - least).clamp(0, FARTHEST).masked_fill(~real, FARTHEST)
        values = _table(below.dtype, below.device)[distance.long()]
        shares = divide(values, values.sum(-1, keepdim=True).clamp(min=1), SOFTMAX_SHIFT - 23)
    return exactly(shares, 127 * torch.softmax((below * -FALL).masked_fill(~real, -torch.inf), -1))


def dot_head(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor, score_shift: Shift, weigh_shift: Shift, bits: int
) -> tuple[Tensor, Tensor]:
    """(shares [..., h, n, n], output [..., h, n, dh]), as `hwsim.baseline.dot_head`."""
    below = ops.requantize(-(q @ k.mT), score_shift, SCORE_BITS)
    shares = softmax(below, mask[..., None, None, :])
    return shares, ops.requantize(shares @ v, weigh_shift, bits)


def pool(x: Tensor, mask: Tensor) -> Tensor:
    """Tokens [..., n, d] weighted by equal shares of about 127 in all, int16 values [..., d]."""
    shares = softmax(torch.zeros_like(mask, dtype=x.dtype), mask)
    return ops.requantize((shares[..., None, :] @ x).squeeze(-2), 0, 16)


class DotBlock(EncoderBlock):
    """A block whose attention is a softmax of dot products. Both shifts start where a float one has its
    scales: 1 / sqrt(dh) before the softmax, shares of 127 after it."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self.score_shift = LearnedShift(math.log2(UNIT**2 * config.head_width**0.5 * FALL))
        self.inhibit_shift = LearnedShift(7)
        # A ticket has deltas; nothing reads them here, so nothing learns them.
        del self.delta
        self.register_buffer("delta", torch.zeros(config.heads))

    def attend(
        self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor, trace: Tensors, keep_score: bool
    ) -> Tensor:
        """Fills `score` with the shares, whether it is kept or not: nothing is saved without it."""
        shifts = self.score_shift(), self.inhibit_shift()
        trace["score"], g = dot_head(q, k, v, mask, *shifts, self.config.inhibit_bits)
        return g


class DotTransformer(InhibitorTransformer):
    """Each forward pass computes `hwsim.baseline.forward` of `to_ticket()`, at every named tensor.

    That ticket is for `hwsim.baseline` alone (`forward`, `compile_dot`): anywhere else it would be read as an
    Inhibitor's, and so it is not written to a file.
    """

    block = DotBlock

    def pool(self, x: Tensor, mask: Tensor) -> Tensor:
        """Tokens weighted by equal shares."""
        return pool(x, mask)

    @staticmethod
    def golden(ticket: Ticket, token_ids: np.ndarray, mask: np.ndarray) -> Trace:
        """What the twin's NumPy model computes."""
        return baseline.forward(ticket, token_ids, mask)
