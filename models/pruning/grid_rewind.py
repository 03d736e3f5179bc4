"""Method: iterative pruning that rewinds to integers, not to the real weights behind them.

A lottery ticket is usually a mask and the real weights of an earlier step. An integer model has two readings
of those weights: the latent ones, and the grid that the forward pass computes with. This method keeps what
the grid says of them and nothing else; what it loses against `iterative` was carried by latent magnitudes.
"""

from __future__ import annotations

from collections.abc import Sequence

from hwsim.models.pruning.plan import Round, dense, falling, label


def grid_rewind(densities: Sequence[float]) -> list[Round]:
    """Train, prune the smallest, rewind what is left to its integers, and again, to falling densities."""
    rounds = dense(densities)
    for d in falling(densities):
        last = rounds[-1].name
        rounds.append(Round(label("grid_rewind", d), "grid_rewind", d, last, "rule", change="to_grid"))
    return rounds
