"""Trainable layers whose forward pass is the integer model's, bit for bit."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from hwsim import ticket as integer
from hwsim.config import WEIGHT_LIMITS
from hwsim.models import ops
from hwsim.models.kernels.pieces import uses_triton
from hwsim.models.ops._straight_through import exactly, round_half_up
from hwsim.ops import largest

UNIT = 32.0
"""The integer that stands for 1.0 in every int8 activation: their scale is 2^-5."""


def signs(x: Tensor) -> Tensor:
    """+1 where x >= 0, else -1. Made on the device: a CUDA graph cannot record a copy from the CPU."""
    return (x.detach() >= 0) * 2.0 - 1.0


def whole(value: Tensor, largest: int) -> Tensor:
    """Learned numbers clamped to 0..largest and rounded, straight-through backward."""
    if uses_triton(value):
        from hwsim.models.kernels.weights import Whole

        return Whole.apply(value, largest)
    return round_half_up(value.clamp(0, largest))


class LearnedShift(nn.Module):
    """A right shift 0..23 learned as a real number; rounds forward, straight-through backward."""

    def __init__(self, start: float) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.tensor(float(start)))

    def forward(self) -> Tensor:
        """The shift as a float scalar tensor holding a whole number."""
        return whole(self.value, integer.LARGEST_SHIFT)


class IntegerTable(nn.Module):
    """Embedding rows, int8 in the forward pass; the latent table is real, 1.0 being UNIT."""

    def __init__(self, rows: int, width: int) -> None:
        super().__init__()
        self.latent = nn.Parameter(torch.randn(rows, width))

    def integers(self, latent: Tensor | None = None) -> Tensor:
        """The int8 rows (of `latent`, by default the whole table) as float."""
        return ops.saturate(round_half_up((self.latent if latent is None else latent) * UNIT), 8)

    def forward(self, index: Tensor) -> Tensor:
        """Rows of `index` [...], returned [..., width]."""
        return self.integers(nn.functional.embedding(index, self.latent))


class IntegerLinear(nn.Module):
    """A sparse integer linear layer with latent real weights, a mask and a learned power-of-two scale.

    The weight scale is 2^-(shift + up): `up` is 0 where activations follow and the residual's extra
    fraction bits where the residual stream follows. Ternary weights are sign(latent) under the mask, so
    the mask alone sets the density; int4 and int8 round latent / scale.
    """

    mask: Tensor

    def __init__(self, inputs: int, outputs: int, weights: str, up: int = 0) -> None:
        super().__init__()
        self.limit, self.up = WEIGHT_LIMITS[weights], up
        deviation = inputs**-0.5
        self.latent = nn.Parameter(torch.randn(outputs, inputs) * deviation)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.shift = LearnedShift(self._shift_for(deviation))
        self.register_buffer("mask", torch.ones(outputs, inputs, dtype=torch.bool))

    def _shift_for(self, deviation: float) -> float:
        # The mean magnitude of a normal variable is 0.8 deviations; wider grids spread it over more steps.
        step = 0.8 * deviation if self.limit == 1 else 3 * deviation / self.limit
        return -math.log2(step) - self.up

    @torch.no_grad()
    def fit_shift(self) -> None:
        """Set the shift as for new weights of the latent ones' standard deviation."""
        self.shift.value.fill_(self._shift_for(float(self.latent.std())))

    @torch.no_grad()
    def fit_grid(self) -> None:
        """Set shift and mask so that the integers are near the latent weights, whatever these are.

        Ternary: the power of two, and the mask of what rounds to it, with the least squared error.
        """
        self.mask.fill_(True)
        self.fit_shift()
        if self.limit == 1:
            size = self.latent.abs()
            steps = [2.0 ** -(shift + self.up) for shift in range(integer.LARGEST_SHIFT + 1)]
            errors = [float(torch.minimum(size, (size - step).abs()).square().sum()) for step in steps]
            best = min(range(len(steps)), key=errors.__getitem__)
            self.shift.value.fill_(best)
            self.mask.copy_(size > steps[best] / 2)

    def integers(self, shift: Tensor) -> tuple[Tensor, Tensor]:
        """(weight, bias) as whole numbers in float32, for this shift."""
        if uses_triton(self.latent):
            from hwsim.models.kernels.weights import Integers

            return Integers.apply(self.latent, self.mask, self.bias, shift, self.up, UNIT, self.limit)
        up = torch.exp2(shift + self.up)
        scaled = self.latent * up
        rounded = torch.floor(scaled.detach() + 0.5).clamp(-self.limit, self.limit)
        if self.limit == 1:
            rounded = signs(self.latent)
        weight = exactly(rounded * self.mask, self.latent * up.detach() * self.mask)
        return weight, round_half_up(self.bias * (UNIT * up.detach()))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(acc, shift): the exact accumulator and the shift that must follow; x holds int8."""
        shift = self.shift()
        return ops.linear(x, *self.integers(shift)), shift

    def export(self) -> integer.Linear:
        """The layer as it stands in a ticket."""
        with torch.no_grad():
            shift = self.shift()
            weight, bias = (
                part.cpu().numpy().astype(kind)
                for part, kind in zip(self.integers(shift), ("int8", "int32"), strict=True)
            )
        return integer.Linear(weight, bias, int(shift))

    def load(self, linear: integer.Linear) -> None:
        """Set latent values whose integers are those of a ticket's layer."""
        with torch.no_grad():
            scale = 2.0 ** -(linear.shift + self.up)
            weight = torch.tensor(linear.weight)
            self.shift.value.fill_(linear.shift)
            self.latent.copy_(weight * scale)
            self.mask.copy_(weight != 0)
            self.bias.copy_(torch.tensor(linear.bias).double() * scale / UNIT)


class IntegerClassifier(nn.Module):
    """int8 weights at scale 2^-6 after an int8 activation: logits at scale 2^-11."""

    WEIGHT_UNIT = 64.0

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.latent = nn.Parameter(torch.randn(classes, width) * width**-0.5)
        self.bias = nn.Parameter(torch.zeros(classes))

    def integers(self) -> tuple[Tensor, Tensor]:
        """(weight, bias) as whole numbers in float32."""
        weight = round_half_up(self.latent * self.WEIGHT_UNIT).clamp(-largest(8), largest(8))
        return weight, round_half_up(self.bias * (self.WEIGHT_UNIT * UNIT))

    def forward(self, x: Tensor) -> Tensor:
        """Integer logits [..., classes]."""
        return ops.classify(x, *self.integers())

    def real(self, logits: Tensor) -> Tensor:
        """Logits as real numbers, for a loss."""
        return logits / (self.WEIGHT_UNIT * UNIT)
