"""Accuracy or loss against density, total bits or signed digits a token, with 95 % intervals over seeds.

Against density: a panel a line of tickets, with its controls and the dense model's mean and deviation, which
is what the protocol compares; controls without a mask are named at its edge where they are too far away.
Against bits and digits: a panel a task, with the tickets of all lines and the strong tickets, which is how
models compare that differ in more than their masks.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hwsim.errors import HwsimError, MissingToolError
from hwsim.models.science import panels
from hwsim.models.science.panels import AXES, METRICS, Range
from hwsim.models.science.points import STRONG, TICKET, Line, Point, lines, points
from hwsim.models.science.records import Record
from hwsim.picture import ENDINGS, STYLE, missing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ACROSS, INCHES = 3, 2.5
"""Panels in a row; width of an entry of the legend."""
CROWD = 3
"""More controls than this have a row of their own."""


def drawable(records: Sequence[Record], axis: str) -> bool:
    """Whether a ticket has the axis: float models, for example, have no digits."""
    return any(panels.place(point, axis) for point in points(records) if point.method == TICKET)


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
    """A panel a line; those with many controls are wide, the others of a task share their range."""
    rows: list[list[Line]] = []
    for line in made:
        if _crowded(line) or not rows or len(rows[-1]) == ACROSS or _crowded(rows[-1][0]):
            rows.append([])
        rows[-1].append(line)
    across = ACROSS if any(map(_crowded, made)) else max(map(len, rows))
    figure.set_size_inches(5.2 * across, 3.8 * len(rows) + 1)
    ranges: dict[str, list[Range]] = {}
    for line in made:
        ranges.setdefault(_shared(line), []).append(panels.reach(line, metric))
    densities = [100 * ticket.rung for line in made for ticket in line.tickets]
    grid = figure.add_gridspec(len(rows), across)
    for down, row in enumerate(rows):
        for right, line in enumerate(row):
            axes = figure.add_subplot(grid[down, slice(None) if _crowded(line) else right])
            lows, highs = zip(*ranges[_shared(line)], strict=True)
            panels.controls(axes, line, metric, (min(lows), max(highs)))
            panels.finish(axes, metric, "density")
            axes.set_xlim(1.25 * max(densities), min(densities) / 1.25)


def _crowded(line: Line) -> bool:
    return len(panels.methods(line)) > CROWD


def _shared(line: Line) -> str:
    """What lines with the same vertical range have in common."""
    return f"{line.first.task}: {line.first.name}" if _crowded(line) else line.first.task


def _by_task(figure: Figure, found: Sequence[Point], metric: str, axis: str) -> None:
    """A panel a task."""
    made = lines(found)
    tasks = list(dict.fromkeys(line.first.task for line in made))
    across = min(len(tasks), ACROSS)
    down = -(-len(tasks) // across)
    figure.set_size_inches(7.5 * across, 5.2 * down + 1)
    looks: dict[str, int] = {}
    for number, task in enumerate(tasks, 1):
        axes = figure.add_subplot(down, across, number)
        axes.set_title(task, fontsize=10)
        series = _series(found, [line for line in made if line.first.task == task], task)
        for label, at in series.items():
            look = looks.setdefault(label, len(looks))
            panels.tickets(axes, label, at, metric, axis, look)
        panels.finish(axes, metric, axis)


def _series(found: Sequence[Point], made: Sequence[Line], task: str) -> dict[str, list[Point]]:
    """Of a task, by label: every line with its dense model, and strong tickets by width."""
    series = {line.first.name: [*([line.dense] if line.dense else []), *line.tickets] for line in made}
    for point in found:
        if point.task == task and point.method in STRONG:
            label = f"{point.model}, {point.method.replace('_', ' ')}, width {point.width}"
            series.setdefault(label, []).append(point)
    return series


def _legend(figure: Figure) -> None:
    """Everything that any panel shows, once."""
    named = [pair for axes in figure.axes for pair in zip(*axes.get_legend_handles_labels(), strict=True)]
    handles = {label: handle for handle, label in named}
    columns = min(len(handles), int(figure.get_figwidth() / INCHES))
    figure.legend(
        handles.values(), handles.keys(), loc="outside lower center", ncols=columns, frameon=False, fontsize=9
    )
