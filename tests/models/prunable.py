"""A small model to prune, and what pruning changes in it."""

from __future__ import annotations

import torch

import hwsim
from hwsim.models import InhibitorTransformer
from hwsim.models.pruning.weights import layers


def made(seed: int = 0, weights: str = "ternary") -> InhibitorTransformer:
    torch.manual_seed(seed)
    config = hwsim.ModelConfig(
        50, max_tokens=8, width=16, heads=2, layers=2, hidden=24, classes=2, weights=weights, embed_shift=3
    )
    return InhibitorTransformer(config)


def masks(model: InhibitorTransformer) -> torch.Tensor:
    return torch.cat([linear.mask.flatten() for _, linear in layers(model)])


def latents(model: InhibitorTransformer) -> torch.Tensor:
    return torch.cat([linear.latent.detach().flatten() for _, linear in layers(model)])
