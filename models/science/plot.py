"""Accuracy or loss against density, total bits or signed digits a token, with 95 % intervals over seeds.

Against density: a panel a line of tickets, with its controls and the dense model's mean and deviation, which
is what the protocol compares, and with tickets whose weights were never trained. Against bits and digits: a
panel a task, with the tickets of all lines, trained or not, and their dense models, which is how models
compare that differ in more than their masks. All panels of a task have one range; what is too far
away for it is a number at its edge.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hwsim.errors import HwsimError, MissingToolError
from hwsim.models.science import curves, looks, panels, ranges
from hwsim.models.science.curves import AXES, METRICS, Curve, place
from hwsim.models.science.looks import Look
from hwsim.models.science.panels import Panel
from hwsim.models.science.points import STRONG, TICKET, Line, Point, lines, points
from hwsim.models.science.ranges import Range
from hwsim.models.science.records import Record
from hwsim.picture import ENDINGS, INK, MUTED, STYLE, missing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ACROSS, INCHES = 3, 2.5
"""Panels in a row; width of an entry of the legend."""
BEYOND, DENSE = "mean beyond the axis", "dense model of the line"


def drawable(records: Sequence[Record], axis: str) -> bool:
    """Whether a ticket has the axis: float models, for example, have no digits."""
    return any(place(point, axis) for point in points(records) if point.method == TICKET)


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
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        figure = Figure(layout="constrained")
        if axis == "density":
            _by_line(figure, lines(found), metric)
        else:
            _by_task(figure, found, metric, axis)
        _legend(figure)
        path.parent.mkdir(parents=True, exist_ok=True)
        metadata: dict[str, Any] = {"Date": None} if path.suffix == ".svg" else {}
        figure.savefig(path, dpi=150, facecolor="white", metadata=metadata)
    return path


def _by_line(figure: Figure, made: Sequence[Line], metric: str) -> None:
    """A panel a line, or two; those with many controls are wide."""
    drawn = [panel for line in made for panel in panels.of(line)]
    rows: list[list[Panel]] = []
    for panel in drawn:
        if panel.crowded or not rows or len(rows[-1]) == ACROSS or rows[-1][0].crowded:
            rows.append([])
        rows[-1].append(panel)
    across = ACROSS if any(panel.crowded for panel in drawn) else max(map(len, rows))
    figure.set_size_inches(5.2 * across, 3.8 * len(rows) + 1)
    within = {task: _within(drawn, task, metric) for task in {line.first.task for line in made}}
    densities = [100 * ticket.rung for line in made for ticket in line.tickets]
    ticks = sorted({float(f"{100 * rung:.3g}") for panel in drawn for rung in panel.compared})
    grid = figure.add_gridspec(len(rows), across)
    for down, row in enumerate(rows):
        for right, panel in enumerate(row):
            axes = figure.add_subplot(grid[down, slice(None) if panel.crowded else right])
            panels.draw(axes, panel, metric, within[panel.line.first.task])
            _finish(axes, metric, "density", within[panel.line.first.task], ticks)
            axes.set_xlim(1.25 * max(densities), min(densities) / 1.25)


def _within(drawn: Sequence[Panel], task: str, metric: str) -> Range:
    """The range of a task's panels."""
    own = [panel for panel in drawn if panel.line.first.task == task]
    return ranges.shared(
        [curve.reach(metric) for panel in own for curve in panel.curves],
        [level for panel in own for level in panel.levels(metric)],
    )


def _by_task(figure: Figure, found: Sequence[Point], metric: str, axis: str) -> None:
    """A panel a task."""
    made = _curves(found)
    tasks = list(dict.fromkeys(curve.points[0].task for curve in made))
    across = min(len(tasks), ACROSS)
    down = -(-len(tasks) // across)
    figure.set_size_inches(7.5 * across, 5.2 * down + 1)
    for number, task in enumerate(tasks, 1):
        axes = figure.add_subplot(down, across, number)
        axes.set_title(task, fontsize=10)
        those = [c for c in made if c.points[0].task == task and any(place(p, axis) for p in c.points)]
        within = ranges.shared([curve.reach(metric) for curve in those], [])
        for curve in those:
            curves.draw(axes, curve, metric, axis, within)
        curves.open_mark(axes, [], [], Look(MUTED, "o"), DENSE)
        _finish(axes, metric, axis, within)


def _curves(found: Sequence[Point]) -> list[Curve]:
    """Every line with its dense model, and strong tickets by width; a name has one look in all figures."""
    groups: dict[tuple[str, str], list[Point]] = {}
    for line in lines(found):
        groups[line.first.task, line.first.name] = [*([line.dense] if line.dense else []), *line.tickets]
    for point in found:
        if point.method in STRONG:
            label = f"{point.model}, {point.method.replace('_', ' ')}, width {point.width}"
            groups.setdefault((point.task, label), []).append(point)
    numbers: dict[bool, dict[str, int]] = {False: {name: n for n, name in enumerate(looks.LINES)}, True: {}}
    made = []
    for (_, name), at in groups.items():
        strong = at[-1].method in STRONG
        number = numbers[strong].setdefault(name, len(numbers[strong]))
        look = looks.of_strong(at[-1].method, number) if strong else looks.of_line(number)
        made.append(Curve(name, look, at))
    return made


def _finish(axes: Axes, metric: str, axis: str, within: Range, ticks: Sequence[float] = ()) -> None:
    """Ranges, scales, ticks, labels; from dense to sparse."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator

    if axes.texts:
        axes.plot([], [], linestyle="none", marker=r"$\updownarrow$", color=MUTED, markersize=9, label=BEYOND)
    axes.set_ylim(*within)
    axes.set_xscale("log")
    axes.invert_xaxis()
    axes.xaxis.set_major_locator(FixedLocator(ticks) if ticks else LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    if ticks:
        axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel(AXES[axis])
    axes.set_ylabel(METRICS[metric])
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=MUTED, labelcolor=INK)
    axes.grid(alpha=0.25)


def _legend(figure: Figure) -> None:
    """Everything that any panel shows, once."""
    named = [pair for axes in figure.axes for pair in zip(*axes.get_legend_handles_labels(), strict=True)]
    handles = {label: handle for handle, label in named}
    columns = min(len(handles), int(figure.get_figwidth() / INCHES))
    figure.legend(
        handles.values(), handles.keys(), loc="outside lower center", ncols=columns, frameon=False, fontsize=9
    )
