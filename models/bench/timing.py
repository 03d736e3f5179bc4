"""Contenders timed in turn in one process, so that whatever slows the machine slows all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Contenders = dict[str, Callable[[], Any]]
OURS = "hwsim"
"""The name of the contender that all ratios are of."""


@dataclass(frozen=True)
class Effort:
    """How long to measure: `rounds` turns, in each of which a contender runs for about `seconds`."""

    rounds: int
    seconds: float


def repeats(run: Callable[[], Any], seconds: float) -> int:
    """Calls that fill a turn, after warming up."""
    start = time.perf_counter()
    run()
    count = 1
    while (spent := time.perf_counter() - start) < seconds:
        run()
        count += 1
    return max(1, int(count * seconds / spent))


def alternate(contenders: Contenders, effort: Effort) -> dict[str, list[float]]:
    """Microseconds a call, by contender, one number a round."""
    turns = {name: repeats(run, effort.seconds) for name, run in contenders.items()}
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(effort.rounds):
        for name, run in contenders.items():
            start = time.perf_counter()
            for _ in range(turns[name]):
                run()
            found[name].append(1e6 * (time.perf_counter() - start) / turns[name])
    return found


def summary(times: list[float]) -> dict[str, float]:
    """Median, quartiles and best of microseconds."""
    low, _, high = statistics.quantiles(times, n=4, method="inclusive") if len(times) > 1 else times * 3
    return {"median": statistics.median(times), "q1": low, "q3": high, "best": min(times)}


def compare(contenders: Contenders, effort: Effort) -> dict[str, Any]:
    """`microseconds` by contender and `ratio_to_NAME`: the median over the rounds of a peer's time / ours."""
    times = alternate(contenders, effort)
    ours = times[OURS]
    ratios = {
        f"ratio_to_{name}": statistics.median(peer / own for peer, own in zip(theirs, ours, strict=True))
        for name, theirs in times.items()
        if name != OURS
    }
    return {"microseconds": {name: summary(values) for name, values in times.items()}, **ratios}
