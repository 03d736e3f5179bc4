"""Accuracy or loss against density, total bits or signed digits a token, with 95 % intervals over seeds.

Against density: a panel a line of tickets, with its controls and the dense model's mean and deviation, which
is what the protocol compares. Against bits and digits: a panel a task, with the tickets of all lines and the
strong tickets, which is how models compare that differ in more than their masks.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hwsim.errors import HwsimError, MissingToolError
from hwsim.models.science.intervals import over_seeds
from hwsim.models.science.points import CONTROLS, STRONG, TICKET, Line, Point, lines, points
from hwsim.models.science.records import Record
from hwsim.picture import ENDINGS, INK, MUTED, STYLE, missing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

METRICS = {"accuracy": "dev accuracy, %", "loss": "dev loss, nats"}
AXES = {"density": "density, %", "bits": "encoder bits, KiB", "digits": "signed digits a token, thousands"}
FACTOR = {"density": 100.0, "bits": 1 / 8192, "digits": 1e-3}
# Okabe and Ito's colours, made for every kind of colour vision; shapes repeat what colours say.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a6d00", "#6f6f6f")
MARKERS = ("s", "D", "^", "v", "P", "X", "<", ">")
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


def drawable(records: Sequence[Record], axis: str) -> bool:
    """Whether a ticket has the axis: float models, for example, have no digits."""
    return any(_place(point, axis) for point in points(records) if point.method == TICKET)


def draw(records: Sequence[Record], path: Path, metric: str = "accuracy", axis: str = "density") -> Path:
    """Write the figure as .svg or .png.

    Raises HwsimError for another ending, an unknown metric or axis, or if nothing has that axis;
    MissingToolError without matplotlib.
    """
    if metric not in METRICS:
        raise HwsimError(f"metric {metric!r}; choose one of {', '.join(METRICS)}")
    if axis not in AXES:
        raise HwsimError(f"axis {axis!r}; choose one of {', '.join(AXES)}")
    if path.suffix not in ENDINGS:
        raise HwsimError(f"{path}: a picture ends in {' or '.join(ENDINGS)}")
    if reason := missing():
        raise MissingToolError(reason)
    found = points(records)
    made = lines(found)
    tasks = list(dict.fromkeys(line.first.task for line in made))
    panels: list[Any] = made if axis == "density" else tasks
    if not drawable(records, axis):
        raise HwsimError(f"no record of iterative pruning says its {axis}; nothing to draw")
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        across = min(len(panels), 3)
        down = -(-len(panels) // across)
        wide, high = (5.2 * across, 3.8 * down + 1.0) if axis == "density" else (7.5 * across, 5.6 * down)
        figure = Figure(figsize=(wide, high), layout="constrained")
        grid = figure.subplots(down, across, squeeze=False, sharey=axis == "density" and len(tasks) == 1)
        for axes in grid.flat[len(panels) :]:
            axes.set_visible(False)
        for axes, panel in zip(grid.flat, panels, strict=False):
            if isinstance(panel, Line):
                _controls(axes, panel, metric)
            else:
                strong = [point for point in found if point.task == panel and point.method in STRONG]
                _costs(axes, panel, [line for line in made if line.first.task == panel], strong, metric, axis)
            _finish(axes, metric, axis)
        if axis == "density":
            handles = {
                label: handle
                for axes in grid.flat
                for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
            }
            columns = min(len(handles), 2 * across + 1)
            figure.legend(
                handles.values(),
                handles.keys(),
                loc="outside lower center",
                ncols=columns,
                frameon=False,
                fontsize=9,
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(
            path, dpi=150, facecolor="white", metadata={"Date": None} if path.suffix == ".svg" else None
        )
    return path


def _controls(axes: Axes, line: Line, metric: str) -> None:
    """Tickets and controls against density."""
    first = line.first
    axes.set_title(f"{first.task}: {first.name}", fontsize=10)
    _dense(axes, line, metric)
    _curve(axes, line.tickets, metric, "density", "ticket", INK, "o", 1.0, "-")
    methods = [m for m in CONTROLS if any(point.method == m for point in line.others)]
    for number, method in enumerate(methods):
        at = [control for ticket in line.tickets if (control := line.control(method, ticket.rung))]
        # To the left and right of the ticket's, so that no interval hides another.
        place = number - len(methods) // 2
        dodge = 1.03 ** (place + (place >= 0))
        colour, marker = LOOKS[method]
        _curve(axes, at, metric, "density", NAMES[method], colour, marker, dodge, "none")


def _dense(axes: Axes, line: Line, metric: str) -> None:
    """Mean and one standard deviation of the dense model, across the panel."""
    if line.dense is None:
        return
    values = line.dense.values(metric) * (100 if metric == "accuracy" else 1)
    mean, deviation = values.mean(), values.std(ddof=1) if len(values) > 1 else 0.0
    axes.axhspan(mean - deviation, mean + deviation, color=MUTED, alpha=0.15, lw=0, label="dense ± deviation")
    axes.axhline(mean, color=MUTED, lw=1, ls="--")


def _costs(axes: Axes, task: str, made: list[Line], strong: list[Point], metric: str, axis: str) -> None:
    """Tickets of all lines, and strong tickets, against what they cost."""
    axes.set_title(task, fontsize=10)
    series: dict[str, list[Point]] = {}
    for line in made:
        dense = [line.dense] if line.dense else []
        series[line.first.name] = [*dense, *line.tickets]
    for point in strong:
        series.setdefault(f"{point.name}: {point.method.replace('_', ' ')}, width {point.width}", []).append(
            point
        )
    for number, (label, at) in enumerate(series.items()):
        colour, marker = COLOURS[number % len(COLOURS)], ("o", *MARKERS)[number % (len(MARKERS) + 1)]
        style = ":" if at[0].method in STRONG else "-"
        _curve(axes, at, metric, axis, label, colour, marker, 1.0, style)
    if series:
        axes.legend(frameon=False, fontsize=8)


def _place(point: Point, axis: str) -> float | None:
    if axis == "density":
        return point.rung
    return point.mean("digits_per_token") if axis == "digits" else point.mean("bits", "total")


def _curve(
    axes: Axes,
    at: Sequence[Point],
    metric: str,
    axis: str,
    label: str,
    colour: str,
    marker: str,
    dodge: float,
    style: str,
) -> None:
    known = [(x * FACTOR[axis] * dodge, point) for point in at if (x := _place(point, axis))]
    if not known:
        return
    factor = 100 if metric == "accuracy" else 1
    found = [over_seeds(point.values(metric) * factor) for _, point in known]
    means = np.array([one.mean for one in found])
    arms = [one.mean - (one.mean if one.low is None else one.low) for one in found]
    axes.errorbar(
        [x for x, _ in known],
        means,
        yerr=arms,
        fmt=marker,
        linestyle=style,
        color=colour,
        markersize=4.5,
        linewidth=1.4,
        elinewidth=0.9,
        capsize=1.5,
        label=label,
        zorder=3 if label == "ticket" else 2,
    )


def _finish(axes: Axes, metric: str, axis: str) -> None:
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
