"""Is a model stable at the step it is rewound to? Barriers on the line between two orders of the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hwsim.models.science.intervals import Interval, over_seeds
from hwsim.models.science.records import Record

THRESHOLD = 0.02
"""Loss of accuracy on the line below which a model is stable (arXiv 1912.05671)."""

SHARED = ("task", "cell", "model", "round", "step")


@dataclass(frozen=True)
class Barrier:
    """A round of a cell, from one step on, over pairs of orders of the data."""

    task: str
    cell: str
    model: str
    round: str
    step: int
    density: float
    pairs: int
    accuracy: Interval
    """How far accuracy falls below the mean of the ends, a fraction."""
    loss: Interval
    """How far loss rises above it, in nats."""

    @property
    def stable(self) -> bool:
        """By the protocol, on the mean."""
        return self.accuracy.mean < THRESHOLD


def barriers(records: Sequence[Record]) -> list[Barrier]:
    """From the records of barriers; by step, from dense to sparse."""
    groups: dict[tuple[Any, ...], list[Record]] = {}
    for record in records:
        if record["kind"] == "barrier":
            groups.setdefault(tuple(record[name] for name in SHARED), []).append(record)
    made = []
    for key, group in groups.items():
        accuracies, losses = (
            np.array([one[name] for one in group], float) for name in ("accuracies", "losses")
        )
        made.append(
            Barrier(
                **dict(zip(SHARED, key, strict=True)),
                density=float(np.mean([one["density"] for one in group])),
                pairs=len(group),
                accuracy=over_seeds(_ends(accuracies) - accuracies.min(axis=1)),
                loss=over_seeds(losses.max(axis=1) - _ends(losses)),
            )
        )
    return sorted(made, key=lambda b: (b.task, b.cell, b.model, -b.density, b.step))


def _ends(path: np.ndarray) -> np.ndarray:
    """Mean of both ends, [pairs]; path [pairs, points]."""
    return (path[:, 0] + path[:, -1]) / 2
