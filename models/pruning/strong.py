"""Strong tickets: the mask is learned, the weights never are.

The frozen weights are random signed powers of two, one digit each, drawn once. What is learned is a score for
each weight; the forward pass turns scores into a mask (edge-popup, Ramanujan et al. 2020, arXiv 1911.13299)
or into a mask and a sign (signed supermask, Koster et al. 2022, arXiv 2201.13361), and the gradient passes
straight through to the scores. The layer's scale stays the learned power of two it is everywhere; its bias is
frozen at zero. Embedding tables, deltas and the classifier train as usual; `freeze_tables` stops the tables.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from hwsim import ticket as integer
from hwsim.config import ModelConfig
from hwsim.errors import ConfigError, UnsupportedError
from hwsim.models.layers import IntegerLinear, signs
from hwsim.models.model import InhibitorTransformer
from hwsim.models.ops._straight_through import exactly
from hwsim.models.pruning.plan import Round, label
from hwsim.models.pruning.weights import count, stream
from hwsim.ticket import linear_shape


class StrongLinear(IntegerLinear):
    """A linear layer over frozen weights; `latent` holds the scores, `mask` what the scores chose last.

    signed: False for edge-popup, where a score's magnitude decides and the frozen weight stays as it is;
    True for the signed supermask, where the score's sign multiplies it.
    """

    frozen: Tensor

    def __init__(
        self,
        inputs: int,
        outputs: int,
        weights: str,
        up: int,
        density: float,
        signed: bool,
        generator: torch.Generator,
    ) -> None:
        super().__init__(inputs, outputs, weights, up)
        shape = (outputs, inputs)
        self.kept, self.signed = count(density, inputs * outputs), signed
        exponents = torch.randint(0, self.limit.bit_length(), shape, generator=generator)
        signs = torch.randint(0, 2, shape, generator=generator) * 2.0 - 1.0
        self.register_buffer("frozen", signs * 2.0**exponents)
        self.bias.requires_grad_(False)
        with torch.no_grad():
            scores = torch.randn(shape, generator=generator) * inputs**-0.5
            self.latent.copy_(scores if signed else scores.abs())
            # What a row of kept weights adds up to, brought back to the size of one input.
            spread = (density * inputs * (self.frozen**2).mean()).sqrt() / 0.8
            self.shift.value.copy_(torch.log2(spread) - up)

    @torch.no_grad()
    def choose(self) -> Tensor:
        """The mask of exactly `kept` largest score magnitudes, also stored, for who counts densities.

        Works over leading axes too, where several layers are stacked.
        """
        magnitude = self.latent.abs().flatten(-2)
        chosen = magnitude.topk(self.kept, sorted=False).indices
        self.mask.copy_(torch.zeros_like(magnitude).scatter_(-1, chosen, 1.0).view_as(self.mask))
        return self.mask

    def integers(self, shift: Tensor) -> tuple[Tensor, Tensor]:
        """(weight, bias) as whole numbers in float32."""
        score = self.latent if self.signed else self.latent.abs()
        weight = exactly(self.frozen * signs(score) * self.choose(), self.frozen * score)
        return weight, torch.zeros_like(self.bias)

    def load(self, linear: integer.Linear) -> None:
        """Frozen weights cannot take a ticket's values: raises UnsupportedError."""
        raise UnsupportedError(
            "these weights are frozen; InhibitorTransformer.from_ticket makes trainable ones"
        )


KINDS = {"edge_popup": False, "signed_supermask": True}
"""Whether scores carry signs."""


def strengthen(model: InhibitorTransformer, kind: str, density: float, seed: int = 0) -> InhibitorTransformer:
    """Replace the encoder's linear layers of `model` by frozen ones, drawn from the seed; returns `model`."""
    if kind not in KINDS:
        raise ConfigError(f"strong tickets of kind {kind!r}; choose one of {', '.join(KINDS)}")
    generator = stream("frozen weights", seed)
    config = model.config
    for block in model.encoder_blocks():
        for name, old in list(block.linears()):
            outputs, inputs = linear_shape(config, name)
            made = StrongLinear(inputs, outputs, config.weights, old.up, density, KINDS[kind], generator)
            setattr(block, name, made.to(old.latent.device))
    return model


def strong_ticket(config: ModelConfig, kind: str, density: float, seed: int = 0) -> InhibitorTransformer:
    """A new model to find a strong ticket in; kind: edge_popup or signed_supermask."""
    torch.manual_seed(seed)
    return strengthen(InhibitorTransformer(config), kind, density, seed)


def freeze_tables(model: InhibitorTransformer) -> None:
    """Leave token and position rows at their first values too."""
    model.token.requires_grad_(False)
    model.position.requires_grad_(False)


def edge_popup(densities: Sequence[float]) -> list[Round]:
    """Method: one training of scores for each density."""
    return [Round(label("edge_popup", d), "edge_popup", d, prune="edge_popup") for d in densities]


def signed_supermask(densities: Sequence[float]) -> list[Round]:
    """Method: one training of signed scores for each density."""
    return [
        Round(label("signed_supermask", d), "signed_supermask", d, prune="signed_supermask")
        for d in densities
    ]
