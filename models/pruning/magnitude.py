"""Rule: the smallest magnitudes go (Han et al. 2015; as in Frankle and Carbin 2019)."""

from __future__ import annotations

import torch

from hwsim.errors import ConfigError
from hwsim.models.float_sparse import Model
from hwsim.models.pruning.weights import comparable, count, largest, layers, lots, magnitudes, refuse_growth

SCOPES = ("layer", "global")


@torch.no_grad()
def magnitude(
    model: Model,
    density: float,
    *,
    scope: str = "layer",
    on: str = "latent",
    regrow: bool = False,
    seed: int = 0,
) -> None:
    """Keep the share `density` of the encoder's weights that is largest in magnitude.

    scope: "layer" gives every layer this density; "global" ranks all layers together, magnitudes in units of
    each layer's scale, and lets the layers' densities differ.
    on: "latent" or "grid" weights; `weights.magnitudes` says what the choice costs.
    regrow: let a masked weight come back if its latent value has become one of the largest. Iterative pruning
    never does.
    seed: the lot that decides between equal grid weights.
    Raises ConfigError for a density outside (0, 1] or above the present one without `regrow`.
    """
    if scope not in SCOPES:
        raise ConfigError(f"scope {scope!r}; choose one of {SCOPES}")
    if on == "grid" and regrow:
        raise ConfigError("a masked weight is zero on the grid and cannot come back; use latent magnitudes")
    named = layers(model)
    scores = []
    for _, linear in named:
        score = magnitudes(linear, on)
        if scope == "global":
            score = comparable(linear, score, on)
        scores.append((score if regrow else score.masked_fill(~linear.mask, -1.0)).flatten())
    parts = [[i] for i in range(len(named))] if scope == "layer" else [list(range(len(named)))]
    for part in parts:
        score = torch.cat([scores[i] for i in part])
        kept = count(density, score.numel())
        if not regrow:
            refuse_growth(named[part[0]][0], torch.cat([named[i][1].mask.flatten() for i in part]), kept)
        mask = largest(score, kept, lots(f"ties {part[0]}", seed, score.numel()) if on == "grid" else None)
        for i, piece in zip(part, mask.split([scores[i].numel() for i in part]), strict=True):
            named[i][1].mask.copy_(piece.view_as(named[i][1].mask))
