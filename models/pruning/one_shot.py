"""Method: train once, prune once to the density wanted, rewind, train again."""

from __future__ import annotations

from collections.abc import Sequence

from hwsim.models.pruning.plan import DENSE, Round, dense, label


def one_shot(densities: Sequence[float]) -> list[Round]:
    """Every density is cut from the same dense training."""
    return dense(densities) + [Round(label("one_shot", d), "one_shot", d, DENSE, "rule") for d in densities]
