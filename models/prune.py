"""Magnitude pruning of the latent weights, layer by layer."""

from __future__ import annotations

import torch

from hwsim.errors import ConfigError
from hwsim.models.model import InhibitorTransformer


@torch.no_grad()
def prune_by_magnitude(model: InhibitorTransformer, density: float) -> None:
    """Keep the `density` largest latent magnitudes of every encoder layer and mask the rest.

    Acts on latent, not grid, weights: a ternary grid has one magnitude only. Masked weights get no
    gradient and keep their latent values; one comes back if a kept weight has meanwhile shrunk below it.
    """
    if not 0 < density <= 1:
        raise ConfigError(f"density is {density}; it lies in (0, 1]")
    for _, linear in model.encoder():
        magnitude = linear.latent.abs().flatten()
        kept = max(1, round(density * magnitude.numel()))
        threshold = magnitude.kthvalue(magnitude.numel() - kept + 1).values
        linear.mask.copy_((magnitude >= threshold).view_as(linear.mask))


def cubic_density(progress: float, start: float, final: float) -> float:
    """The gradual schedule of Zhu and Gupta (arXiv 1710.01878): fast at first, slow at the end.

    progress: 0..1 of the pruning phase.
    """
    return final + (start - final) * (1 - min(max(progress, 0.0), 1.0)) ** 3
