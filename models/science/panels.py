"""One panel of a figure: its points with their intervals, its range, its axes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hwsim.models.science.intervals import Interval, over_seeds
from hwsim.models.science.points import CONTROLS, STRONG, Line, Point
from hwsim.picture import INK, MUTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes

METRICS = {"accuracy": "dev accuracy, %", "loss": "dev loss, nats"}
AXES = {"density": "density, %", "bits": "encoder bits, KiB", "digits": "signed digits a token, thousands"}
DIGITS = {"accuracy": 1, "loss": 2}
FACTOR = {"density": 100.0, "bits": 1 / 8192, "digits": 1e-3}
# Okabe and Ito's colours, made for every kind of colour vision; shapes repeat what colours say.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a6d00", "#6f6f6f")
MARKERS = ("s", "D", "^", "v", "P", "X", "<", ">")
SHAPES = ("o", *MARKERS)
LOOKS = dict(zip(CONTROLS, zip(COLOURS, MARKERS, strict=True), strict=True))
NAMES = {
    "shuffle": "mask shuffled in layers",
    "random_global": "random mask",
    "reinit": "weights drawn anew",
    "sign": "signs kept",
    "magnitude": "magnitudes kept",
    "small_dense": "small dense model",
    "long_dense": "dense, all steps",
    "pruned_finetuned": "pruned, fine-tuned",
}
FAR = ("small_dense", "long_dense")
"""Controls without a mask, often so far away that in their range nothing else could be told apart."""
BEYOND = "mean beyond the axis"
Range = tuple[float, float]


def scores(point: Point, metric: str) -> Interval:
    """Mean and interval over seeds, in the unit of the axis."""
    return over_seeds(point.values(metric) * (100 if metric == "accuracy" else 1))


def methods(line: Line) -> list[str]:
    """Its controls."""
    return [method for method in CONTROLS if any(point.method == method for point in line.others)]


def place(point: Point, axis: str) -> float | None:
    """Where a point stands on an axis; None if it has none."""
    if axis == "density":
        return point.rung
    return point.mean("digits_per_token") if axis == "digits" else point.mean("bits", "total")


def reach(line: Line, metric: str) -> Range:
    """From the lowest to the highest end of an interval, with some room, without what may be far away."""
    near = [point for point in line.tested if point.method not in FAR and line.ticket(point.rung)]
    found = [scores(point, metric) for point in (*line.tickets, *near)]
    ends = [end for one in found for end in (one.low, one.mean, one.high) if end is not None]
    ends += _band(line, metric) or ()
    ends += [scores(one, metric).mean for one in _empty(line)]
    room = 0.06 * (max(ends) - min(ends)) or 1.0
    return min(ends) - room, max(ends) + room


def controls(axes: Axes, line: Line, metric: str, within: Range) -> None:
    """Tickets and controls against density; of a mean outside the range an arrow and the number."""
    first = line.first
    axes.set_title(f"{first.task}: {first.name}", fontsize=10)
    if band := _band(line, metric):
        axes.axhspan(*band, color=MUTED, alpha=0.15, lw=0, label="dense ± deviation")
        axes.axhline(sum(band) / 2, color=MUTED, lw=1, ls="--")
    for one in _empty(line):
        axes.axhline(scores(one, metric).mean, color=INK, lw=1.2, ls=":", label="encoder all but empty")
    curve(axes, line.tickets, metric, "density", "ticket", INK, "o")
    beyond: Counter[tuple[bool, float]] = Counter()
    those = methods(line)
    for number, method in enumerate(those):
        at = [control for ticket in line.tickets if (control := line.control(method, ticket.rung))]
        # To the left and right of the ticket's, so that no interval hides another.
        side = number - len(those) // 2
        dodge = 1.04 ** (side + (side >= 0))
        colour, marker = LOOKS[method]
        curve(axes, at, metric, "density", NAMES[method], colour, marker, dodge, "none")
        for point in at:
            mean = scores(point, metric).mean
            if not within[0] <= mean <= within[1]:
                below = mean < within[0]
                text = f"{'↓' if below else '↑'} {mean:.{DIGITS[metric]}f}"
                _beyond(axes, text, point.rung * dodge, below, colour, beyond[below, point.rung])
                beyond[below, point.rung] += 1
    if beyond:
        axes.plot([], [], linestyle="none", marker=r"$\updownarrow$", color=MUTED, markersize=9, label=BEYOND)
    axes.set_ylim(*within)


def _empty(line: Line) -> list[Point]:
    """What is left where next to nothing of the encoder is; its density is far outside the axis."""
    return [point for point in line.others if point.empty]


def _band(line: Line, metric: str) -> Range | None:
    """Mean of the dense model less and plus one standard deviation, as the protocol compares."""
    if line.dense is None:
        return None
    values = line.dense.values(metric) * (100 if metric == "accuracy" else 1)
    mean, deviation = float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else 0.0
    return mean - deviation, mean + deviation


def _beyond(axes: Axes, text: str, density: float, below: bool, colour: str, others: int) -> None:
    """A text at the lower or upper edge of the panel, further in if others are there."""
    axes.annotate(
        text,
        (density * FACTOR["density"], 0 if below else 1),
        # Beside the bar, which may reach into the panel.
        (2, (2 + 10 * others) * (1 if below else -1)),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        va="bottom" if below else "top",
        fontsize=8,
        color=colour,
    )


def tickets(axes: Axes, label: str, at: list[Point], metric: str, axis: str, look: int) -> None:
    """Of a line or of strong tickets; more than colours go round again in other shapes."""
    colour, marker = COLOURS[look % len(COLOURS)], SHAPES[look % len(SHAPES)]
    style = ":" if at[0].method in STRONG else "-"
    curve(axes, at, metric, axis, label, colour, marker, style=style, faint=0.35)


def curve(
    axes: Axes,
    at: Sequence[Point],
    metric: str,
    axis: str,
    label: str,
    colour: str,
    marker: str,
    dodge: float = 1.0,
    style: str = "-",
    faint: float = 1.0,
) -> None:
    """Means with their intervals, moved sideways by a factor, intervals as opaque as `faint` says."""
    known = [(x * FACTOR[axis] * dodge, point) for point in at if (x := place(point, axis))]
    if not known:
        return
    found = [scores(point, metric) for _, point in known]
    *_, bars = axes.errorbar(
        [x for x, _ in known],
        [one.mean for one in found],
        yerr=[one.mean - (one.mean if one.low is None else one.low) for one in found],
        fmt=marker,
        linestyle=style,
        color=colour,
        markersize=4.5,
        linewidth=1.4,
        elinewidth=0.9,
        capsize=1.5 if faint == 1 else 0,
        label=label,
        zorder=3 if label == "ticket" else 2,
    )
    for bar in bars:
        bar.set_alpha(faint)


def finish(axes: Axes, metric: str, axis: str) -> None:
    """Scales, ticks, labels."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_xscale("log")
    axes.invert_xaxis()
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(AXES[axis])
    axes.set_ylabel(METRICS[metric])
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=MUTED, labelcolor=INK)
    axes.grid(alpha=0.25)
