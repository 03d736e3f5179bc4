"""Rows against rows of the same seeds, as a Markdown table."""

from __future__ import annotations

import numpy as np

from hwsim.markdown import table
from hwsim.models.results.records import Record, score
from hwsim.models.science import shown
from hwsim.models.science.intervals import over_seeds


def differences(records: list[Record], a: str, b: str) -> str:
    """Of every pair of rows named NAME, `a` and NAME, `b`: the first dev score of one minus the other's.

    Paired by seed, in points, with Student's 95 % interval of the mean over seeds where there are two.
    """
    scores: dict[str, dict[int, float]] = {}
    for record in records:
        scores.setdefault(record["row"], {})[record["seed"]] = score(record)
    rows = []
    for row, first in scores.items():
        second = scores.get(f"{row.removesuffix(a)}{b}", {}) if row.endswith(f", {a}") else {}
        if not (seeds := sorted(first.keys() & second.keys())):
            continue
        values = np.array([first[seed] - second[seed] for seed in seeds])
        each = ", ".join(f"{100 * value:+.1f}" for value in values)
        name = row.removesuffix(f", {a}")
        rows.append((name, str(len(seeds)), shown.points(over_seeds(values)), each))
    return table((f"{a} minus {b}", ">seeds", ">points", "seed by seed"), rows)
