"""Do two masks agree more than by chance? Counts of a layer against the hypergeometric distribution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hwsim.models.science.intervals import Interval, over_seeds
from hwsim.models.science.records import Record

NEAR_CHANCE = 0.1
"""An excess below this is called so by the protocol."""


def expected(kept_a: int, kept_b: int, weights: int) -> float:
    """Mean number of common weights of two masks drawn independently in a layer."""
    return kept_a * kept_b / weights


def variance(kept_a: int, kept_b: int, weights: int) -> float:
    """Variance of that number; 0 in a layer of one weight."""
    if weights < 2:
        return 0.0
    return kept_a * kept_b * (weights - kept_a) * (weights - kept_b) / (weights**2 * (weights - 1))


@dataclass(frozen=True)
class Overlap:
    """Of two masks, layers added up."""

    common: int
    expected: float
    excess: float
    """0 where the overlap is that of chance, 1 where one mask holds the other."""
    deviations: float
    """Distance from chance in standard deviations; 0 where chance has none."""


def overlap(layers: Mapping[str, Mapping[str, int]]) -> Overlap:
    """From the counts `kept_a`, `kept_b`, `common` and `weights` of each layer."""
    counts = [(one["kept_a"], one["kept_b"], one["weights"]) for one in layers.values()]
    common = sum(one["common"] for one in layers.values())
    mean = sum(expected(*one) for one in counts)
    spread = sum(variance(*one) for one in counts) ** 0.5
    room = sum(min(a, b) for a, b, _ in counts) - mean
    away = common - mean
    return Overlap(common, mean, away / room if room else 0.0, away / spread if spread else 0.0)


@dataclass(frozen=True)
class Pair:
    """Two rounds whose masks were compared, over seeds."""

    task: str
    a: dict[str, Any]
    b: dict[str, Any]
    density: float
    seeds: int
    ratio: float
    """Common weights over expected, mean over seeds."""
    excess: Interval
    deviations: float
    """The smallest over seeds."""
    signs: Interval | None
    """Share of common weights with equal sign; None where it was not counted."""

    @property
    def near_chance(self) -> bool:
        """By the protocol."""
        return self.excess.mean < NEAR_CHANCE


def pairs(records: Sequence[Record]) -> list[Pair]:
    """Every pair of rounds, from dense to sparse."""
    groups: dict[tuple[Any, ...], list[Record]] = {}
    for record in records:
        if record["kind"] == "overlap":
            sides = [tuple((k, v) for k, v in record[side].items() if k != "seed") for side in "ab"]
            groups.setdefault((record["task"], *sides), []).append(record)
    made = []
    for (task, a, b), group in groups.items():
        found = [overlap(record["layers"]) for record in group]
        signs = [record.get("agreement_of_signs") for record in group]
        made.append(
            Pair(
                task,
                dict(a),
                dict(b),
                float(np.mean([record["density"] for record in group])),
                len(group),
                float(np.mean([one.common / one.expected for one in found if one.expected] or [0.0])),
                over_seeds(np.array([one.excess for one in found])),
                min(one.deviations for one in found),
                None if None in signs else over_seeds(np.array(signs, float)),
            )
        )
    return sorted(made, key=lambda p: (p.task, *(side.get("cell", "") for side in (p.a, p.b)), -p.density))
