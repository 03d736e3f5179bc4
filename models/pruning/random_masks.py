"""Rules that look at no weight: the controls that a ticket's mask must beat.

A mask that does no better than its own shuffle has found nothing but how many weights each layer needs
(Su et al. 2020, Frankle et al. 2021).
"""

from __future__ import annotations

import torch

from hwsim.models.float_sparse import Model
from hwsim.models.pruning.weights import count, layers, lots


@torch.no_grad()
def random_layerwise(model: Model, density: float, *, seed: int = 0) -> None:
    """Exactly this density in every layer, at random."""
    for i, (_, linear) in enumerate(layers(model)):
        weights = linear.mask.numel()
        _set(linear.mask, lots(f"mask {i}", seed, weights)[: count(density, weights)])


@torch.no_grad()
def random_global(model: Model, density: float, *, seed: int = 0) -> None:
    """Exactly this density over all layers together, at random."""
    masks = [linear.mask for _, linear in layers(model)]
    weights = sum(mask.numel() for mask in masks)
    chosen = torch.zeros(weights, dtype=torch.bool)
    chosen[lots("mask", seed, weights)[: count(density, weights)]] = True
    for mask, piece in zip(masks, chosen.split([mask.numel() for mask in masks]), strict=True):
        mask.copy_(piece.view_as(mask))


@torch.no_grad()
def shuffle(model: Model, *, seed: int = 0) -> None:
    """Shuffle each layer's mask within the layer, keeping its number of weights."""
    for i, (_, linear) in enumerate(layers(model)):
        lot = lots(f"shuffle {i}", seed, linear.mask.numel()).to(linear.mask.device)
        linear.mask.copy_(linear.mask.flatten()[lot].view_as(linear.mask))


def _set(mask: torch.Tensor, chosen: torch.Tensor) -> None:
    flat = torch.zeros(mask.numel(), dtype=torch.bool)
    flat[chosen] = True
    mask.copy_(flat.view_as(mask))
