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
    if not drawable(records, axis):
        raise HwsimError(f"no record of iterative pruning says its {axis}; nothing to draw")
    found = points(records)
    made = lines(found)
    tasks = list(dict.fromkeys(line.first.task for line in made))
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        panels = len(made if axis == "density" else tasks)
        across = min(panels, 3)
        down = -(-panels // across)
        wide, high = (5.2, 3.8) if axis == "density" else (7.5, 5.2)
        figure = Figure(figsize=(wide * across, high * down + 1), layout="constrained")
        one_task = len(tasks) == 1
        grid = figure.subplots(down, across, squeeze=False, sharex=one_task, sharey=one_task)
        if axis == "density":
            for axes, line in zip(grid.flat, made, strict=False):
                _controls(axes, line, metric)
        else:
            numbers: dict[str, int] = {}
            for axes, task in zip(grid.flat, tasks, strict=False):
                axes.set_title(task, fontsize=10)
                series = _series(found, [line for line in made if line.first.task == task], task)
                for label, at in series.items():
                    look = numbers.setdefault(label, len(numbers))
                    _tickets(axes, label, at, metric, axis, look)
        for axes in grid.flat[:panels]:
            _finish(axes, metric, axis)
        for axes in grid.flat[panels:]:
            axes.set_visible(False)
        named = [pair for axes in grid.flat for pair in zip(*axes.get_legend_handles_labels(), strict=True)]
        handles = {label: handle for handle, label in named}
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
        metadata: dict[str, Any] = {"Date": None} if path.suffix == ".svg" else {}
        figure.savefig(path, dpi=150, facecolor="white", metadata=metadata)
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
        dodge = 1.04 ** (place + (place >= 0))
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


def _series(found: Sequence[Point], made: Sequence[Line], task: str) -> dict[str, list[Point]]:
    """Of a task, by label: every line with its dense model, and strong tickets by width."""
    series = {line.first.name: [*([line.dense] if line.dense else []), *line.tickets] for line in made}
    for point in found:
        if point.task == task and point.method in STRONG:
            label = f"{point.model}, {point.method.replace('_', ' ')}, width {point.width}"
            series.setdefault(label, []).append(point)
    return series


def _tickets(axes: Axes, label: str, at: list[Point], metric: str, axis: str, look: int) -> None:
    """One of them; more than colours go round again in other shapes."""
    colour, marker = COLOURS[look % len(COLOURS)], SHAPES[look % len(SHAPES)]
    _curve(axes, at, metric, axis, label, colour, marker, 1.0, ":" if at[0].method in STRONG else "-")


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
    if not axes.xaxis_inverted():  # panels of one task share their axes
        axes.invert_xaxis()
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(AXES[axis])
    axes.set_ylabel(METRICS[metric])
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=MUTED, labelcolor=INK)
    axes.grid(alpha=0.25)
