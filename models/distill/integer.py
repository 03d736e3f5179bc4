"""Integer layers in the place of an encoder's float ones: int8 inputs, integer weights, exact sums."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from hwsim.errors import ConfigError
from hwsim.models import ops
from hwsim.models.layers import UNIT, IntegerLinear, LearnedShift
from hwsim.models.model import split_heads
from hwsim.models.ops._straight_through import round_half_up
from hwsim.ops.manhattan_score import LARGEST_DELTA
from hwsim.sizes import HEAD_WIDTHS

EXACT = 1 << 24
"""Integers below this are exact in float32."""


def to_int8(x: Tensor) -> Tensor:
    """Real numbers at scale 2^-5: 1.0 is 32, and beyond +-127/32 they saturate."""
    return ops.saturate(round_half_up(x * UNIT), 8)


def from_float(linear: Any, weights: str) -> IntegerLinear:
    """An integer layer whose latent weights are those of a float one.

    Ternary weights keep what exceeds 0.7 of the mean magnitude (Li & Liu, arXiv 1605.04711) at the scale
    nearest the mean magnitude of what is kept; wider grids span three deviations.
    The grid of a wide layer is narrowed so far that no sum can leave the exact range: to +-86 for 1,536
    inputs in place of int8's +-127.
    """
    weight, bias = linear.weight.detach(), linear.bias.detach()
    outputs, inputs = weight.shape
    made = IntegerLinear(inputs, outputs, weights)
    made.limit = min(made.limit, (EXACT - 1) // (127 * inputs))
    magnitude = weight.abs()
    with torch.no_grad():
        made.latent.copy_(weight)
        made.bias.copy_(bias)
        if made.limit == 1:
            made.mask.copy_(magnitude > 0.7 * magnitude.mean())
            step = magnitude[made.mask].mean() if made.mask.any() else torch.tensor(1.0)
        else:
            step = 3 * weight.std().clamp(min=1e-6) / made.limit
        made.shift.value.copy_(-torch.log2(step))
    return made


class IntegerDense(nn.Module):
    """A linear layer inside a float encoder: int8 in, exact integer sum, real number out."""

    def __init__(self, linear: nn.Module, weights: str) -> None:
        super().__init__()
        self.linear = from_float(linear, weights)

    def forward(self, x: Tensor) -> Tensor:
        """x [..., inputs] -> [..., outputs]."""
        acc, shift = self.linear(to_int8(x))
        return acc * torch.exp2(-shift) / UNIT


class IntegerAttention(nn.Module):
    """The integer model's attention in place of a layer's: every value between input and output is int8."""

    def __init__(
        self,
        old: nn.Module,
        names: tuple[str, str, str],
        output: str | None,
        heads: int,
        weights: str,
        centring: str,
    ) -> None:
        super().__init__()
        width: Any = old.get_submodule(names[0]).out_features
        if width // heads not in HEAD_WIDTHS:
            raise ConfigError(f"heads of width {width // heads}; the integer operators take {HEAD_WIDTHS}")
        self.heads, self.names, self.output, self.centring = heads, names, output, centring
        for name in names:
            self.add_module(name, from_float(old.get_submodule(name), weights))
        if output:
            self.add_module(output, IntegerDense(old.get_submodule(output), weights))
        self.score_shift = LearnedShift((width // heads).bit_length() - 3)
        self.inhibit_shift = LearnedShift(3)
        self.delta = nn.Parameter(torch.zeros(heads))

    def forward(
        self, hidden_states: Tensor, attention_mask: Tensor | None = None, **ignored: Any
    ) -> tuple[Tensor, None]:
        """(attention output [batch, n, width], None in place of probabilities)."""
        x = to_int8(hidden_states)
        q, k, v = (
            split_heads(ops.requantize(*self.get_submodule(name)(x)), self.heads) for name in self.names
        )
        mask = torch.ones(hidden_states.shape[:2], dtype=torch.bool, device=x.device)
        if attention_mask is not None:
            keys = attention_mask[:, 0, 0]
            mask = keys if keys.dtype == torch.bool else keys == 0
        delta = round_half_up(self.delta.clamp(0, LARGEST_DELTA))
        score = ops.manhattan_score(q, k, mask, self.score_shift(), delta, self.centring)
        out = ops.inhibit(v, score, self.inhibit_shift()) / UNIT
        out = out.transpose(-2, -3).flatten(-2)
        return (self.get_submodule(self.output)(out) if self.output else out), None
