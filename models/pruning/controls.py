"""Controls: what of a ticket carries it, the mask, the signs or the magnitudes?

Each changes the encoder's latent weights and leaves masks, tables, biases and scales alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from hwsim.models.float_sparse import Model
from hwsim.models.pruning.iterative import iterative
from hwsim.models.pruning.plan import DENSE, Round, dense, label
from hwsim.models.pruning.weights import layers, stream, whole

NORMAL_MEAN = (2 / torch.pi) ** 0.5
"""Mean magnitude of a standard normal variable."""


@torch.no_grad()
def reinitialise(model: Model, *, seed: int = 0) -> None:
    """Draw all weights anew from the initial distribution: only the mask is left of the ticket."""
    generator = stream("weights", seed)
    for _, linear in layers(model):
        fresh = torch.randn(linear.latent.shape, generator=generator) * linear.latent.shape[1] ** -0.5
        linear.latent.copy_(fresh)


@torch.no_grad()
def reset_magnitudes(model: Model, *, seed: int = 0) -> None:
    """Keep every sign and give all weights of a layer one magnitude, the mean of the initial distribution.

    `seed` is not used: nothing is random. Ternary integers do not change, only what training makes of them.
    """
    for _, linear in layers(model):
        constant = NORMAL_MEAN * linear.latent.shape[1] ** -0.5
        linear.latent.copy_(torch.where(linear.latent >= 0, constant, -constant))


@torch.no_grad()
def reset_signs(model: Model, *, seed: int = 0) -> None:
    """Keep every magnitude and draw the signs anew."""
    generator = stream("signs", seed)
    for _, linear in layers(model):
        sign = torch.randint(0, 2, linear.latent.shape, generator=generator) * 2 - 1
        linear.latent.copy_(linear.latent.abs() * sign.to(linear.latent.device))


@torch.no_grad()
def to_grid(model: Model, *, seed: int = 0) -> None:
    """Give every latent weight the value that its integer stands for; `seed` is not used.

    What remains of the real weights is what a ticket would hold. Of ternary ones that is the sign: all
    weights of a layer have one magnitude, and training has to find anew which of them matter.
    """
    for _, linear in layers(model):
        integer = whole(linear)
        weight, _ = integer.integers(integer.shift())
        on_grid = weight * torch.exp2(-integer.shift() - integer.up)
        linear.latent.copy_(torch.where(linear.mask, on_grid, linear.latent))


CHANGES = {
    "to_grid": to_grid,
    "reinitialise": reinitialise,
    "reset_magnitudes": reset_magnitudes,
    "reset_signs": reset_signs,
}


def _beside_iterative(
    method: str, densities: Sequence[float], prune: str = "none", change: str = "none"
) -> list[Round]:
    """The tickets of iterative pruning (shared, if they exist already) and one altered twin of each."""
    twins = [
        Round(label(method, d), method, d, label("iterative", d), prune, change=change) for d in densities
    ]
    return iterative(densities) + twins


def shuffled(densities: Sequence[float]) -> list[Round]:
    """Method: the ticket's weights under its mask shuffled within each layer."""
    return _beside_iterative("shuffle", densities, prune="shuffle")


def reinitialised(densities: Sequence[float]) -> list[Round]:
    """Method: the ticket's mask over weights drawn anew."""
    return _beside_iterative("reinit", densities, change="reinitialise")


def signs_kept(densities: Sequence[float]) -> list[Round]:
    """Method: the ticket's mask and rewound signs, one magnitude a layer."""
    return _beside_iterative("sign", densities, change="reset_magnitudes")


def magnitudes_kept(densities: Sequence[float]) -> list[Round]:
    """Method: the ticket's mask and rewound magnitudes, signs drawn anew."""
    return _beside_iterative("magnitude", densities, change="reset_signs")


def random(densities: Sequence[float]) -> list[Round]:
    """Method: a random mask of this density in every layer over the rewound weights."""
    return dense(densities) + [Round(label("random", d), "random", d, DENSE, "random") for d in densities]


def random_global(densities: Sequence[float]) -> list[Round]:
    """Method: a random mask of this density over all layers together."""
    rounds = [Round(label("random_global", d), "random_global", d, DENSE, "random_global") for d in densities]
    return dense(densities) + rounds
