"""Method: iterative magnitude pruning (Frankle and Carbin 2019, arXiv 1803.03635)."""

from __future__ import annotations

from collections.abc import Sequence

from hwsim.models.pruning.plan import Round, dense, falling, label


def iterative(densities: Sequence[float]) -> list[Round]:
    """Train, prune the smallest of what is left, rewind, and again; a falling density a round.

    `ladder` gives the usual densities: 20 % of the remaining weights go each round. Where the weights are
    rewound to is the search's choice (`rewind.Rewind`).
    """
    rounds = dense(densities)
    for density in falling(densities):
        rounds.append(Round(label("iterative", density), "iterative", density, rounds[-1].name, "rule"))
    return rounds
