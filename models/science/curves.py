"""Points with their intervals, as one curve of a panel; beyond the axis an arrow and the number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hwsim.models.science.intervals import Interval, over_seeds
from hwsim.models.science.looks import Look
from hwsim.models.science.points import DENSE, Point
from hwsim.models.science.ranges import Range, hull

if TYPE_CHECKING:
    from matplotlib.axes import Axes

METRICS = {"accuracy": "dev accuracy, %", "loss": "dev loss, nats"}
AXES = {
    "density": "density, %",
    "bits": "size of the encoder, weights and mask entropy, KiB",
    "digits": "signed digits a token, thousands",
}
DIGITS = {"accuracy": 1, "loss": 2}
FACTOR = {"density": 100.0, "bits": 1 / 8192, "digits": 1e-3}
APART = 0.15
"""From number to number at one place of the edge, of the panel's height."""


@dataclass(frozen=True)
class Curve:
    """The points that one label names."""

    label: str
    look: Look
    points: Sequence[Point]
    dodge: float = 1.0
    """Factor that moves them sideways."""

    def reach(self, metric: str) -> Range:
        """From the lowest to the highest end of an interval."""
        found = [scores(point, metric) for point in self.points]
        return hull(
            [
                (one.mean, one.mean) if one.low is None or one.high is None else (one.low, one.high)
                for one in found
            ]
        )


def scores(point: Point, metric: str) -> Interval:
    """Mean and interval over seeds, in the unit of the axis."""
    return over_seeds(point.values(metric) * (100 if metric == "accuracy" else 1))


def place(point: Point, axis: str) -> float | None:
    """Where a point stands on an axis, in its unit; None if it has none."""
    if axis == "density":
        found: float | None = point.rung
    else:
        found = point.mean("digits_per_token") if axis == "digits" else point.mean("bits", "total")
    return None if found is None else FACTOR[axis] * found


def draw(axes: Axes, curve: Curve, metric: str, axis: str, within: Range) -> None:
    """The curve, its dense model with an open mark; of a mean outside the range an arrow and the number."""
    known = [(x * curve.dodge, point) for point in curve.points if (x := place(point, axis))]
    if not known:
        return
    found = [scores(point, metric) for _, point in known]
    inside = [within[0] <= one.mean <= within[1] for one in found]
    roomy = axis == "density"  # on the other axes many bars lie on each other
    look = curve.look
    *_, bars = axes.errorbar(
        [x for x, _ in known],
        [one.mean for one in found],
        yerr=[
            one.mean - one.low if shown and one.low is not None else math.nan
            for one, shown in zip(found, inside, strict=True)
        ],
        fmt=look.marker,
        linestyle=look.style,
        color=look.colour,
        markersize=4.5,
        linewidth=1.4,
        elinewidth=0.9,
        capsize=1.5 if roomy else 0,
        label=curve.label,
    )
    for bar in bars:
        bar.set_alpha(1 if roomy else 0.35)
    for (x, point), one, shown in zip(known, found, inside, strict=True):
        if not shown:
            _beyond(axes, x, f"{one.mean:.{DIGITS[metric]}f}", one.mean < within[0], look.colour)
        elif point.method == DENSE:
            open_mark(axes, [x], [one.mean], look)


def open_mark(
    axes: Axes, x: Sequence[float], y: Sequence[float], look: Look, label: str | None = None
) -> None:
    """That of dense models; without a point for the legend alone."""
    axes.plot(
        x, y, look.marker, color=look.colour, markerfacecolor="white", markersize=6, zorder=4, label=label
    )


def _beyond(axes: Axes, x: float, number: str, below: bool, colour: str) -> None:
    """The number at the edge, upright so that neighbours have room; further in where another is there."""
    side = "bottom" if below else "top"
    there = [note for note in axes.texts if note.get_verticalalignment() == side]
    inwards = 0.01 + APART * sum(math.isclose(note.get_position()[0], x, rel_tol=0.01) for note in there)
    axes.text(
        x,
        inwards if below else 1 - inwards,
        f"← {number}" if below else f"{number} →",
        transform=axes.get_xaxis_transform(),
        ha="center",
        va=side,
        rotation=90,
        fontsize=7,
        color=colour,
    )
