"""Rule: structured N:M, at most N weights in every group of M (Zhou et al. 2021, arXiv 2102.04010)."""

from __future__ import annotations

import torch

from hwsim.errors import ConfigError
from hwsim.models.float_sparse import Model
from hwsim.models.pruning.weights import layers, magnitudes, refuse_growth


@torch.no_grad()
def n_m(model: Model, density: float, *, group: int = 4, seed: int = 0) -> None:
    """Keep the N = density * M largest latent magnitudes of M = `group` neighbouring inputs of an output.

    Hardware can then read exactly N weights and N small indices a group, with no pointers. A group that was
    pruned before keeps a subset. `seed` is not used: there is no lot to draw.
    Raises ConfigError unless N is whole, 1..M, M divides the inputs, and N weights are left in each group.
    """
    kept = round(density * group)
    if not 1 <= kept <= group or abs(kept - density * group) > 1e-9:
        choice = ", ".join(f"{n / group:g}" for n in range(1, group + 1))
        raise ConfigError(f"density {density} is not N:{group}; choose one of {choice}")
    for name, linear in layers(model):
        outputs, inputs = linear.mask.shape
        if inputs % group:
            raise ConfigError(f"{name} has {inputs} inputs, which groups of {group} do not divide")
        score = magnitudes(linear, "latent").masked_fill(~linear.mask, -1.0).view(-1, group)
        poorest = linear.mask.view(-1, group).sum(1).argmin()
        refuse_growth(f"{name}, group {int(poorest)}", linear.mask.view(-1, group)[poorest], kept)
        rank = score.argsort(dim=1, descending=True, stable=True).argsort(dim=1, stable=True)
        linear.mask.copy_((rank < kept).view(outputs, inputs))
