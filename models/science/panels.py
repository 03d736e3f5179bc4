"""A panel of tickets against density, with what is beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hwsim.models.science import curves, looks
from hwsim.models.science.curves import FACTOR, Curve, scores
from hwsim.models.science.points import CONTROLS, STEP, STRONG, Line, same_rung
from hwsim.models.science.ranges import Range
from hwsim.picture import INK, MUTED, SHADES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CROWD = 3
"""More controls than this have a row of their own, and leave strong tickets to another panel."""


@dataclass(frozen=True)
class Panel:
    """Tickets of a line, and curves beside them at the same densities."""

    title: str
    line: Line
    beside: list[Curve]

    @property
    def curves(self) -> list[Curve]:
        """All, the tickets last, which are to lie on top."""
        return [*self.beside, Curve("ticket", looks.TICKETS, self.line.tickets)]

    @property
    def crowded(self) -> bool:
        """Whether it has a row of its own."""
        return len(self.beside) > CROWD

    @property
    def compared(self) -> list[float]:
        """The densities at which something stands beside a ticket."""
        beside = [point.rung for curve in self.beside for point in curve.points]
        return [
            ticket.rung for ticket in self.line.tickets if any(same_rung(ticket.rung, at) for at in beside)
        ]

    def levels(self, metric: str) -> list[Range]:
        """What crosses the panel: the dense model's band, then encoders of which next to nothing is left."""
        band = _band(self.line, metric)
        return [*([band] if band else []), *((mean, mean) for mean in _empty(self.line, metric))]


def of(line: Line) -> list[Panel]:
    """The panel of a line; two if its controls leave no room for strong tickets."""
    title = f"{line.first.task}: {line.first.name}"
    tested, strong = _methods(line, CONTROLS), _methods(line, STRONG)
    if len(tested) > CROWD and strong:
        return [
            Panel(title, line, _beside(line, tested)),
            Panel(f"{title}, beside weights never trained", line, _beside(line, strong)),
        ]
    return [Panel(title, line, _beside(line, [*tested, *strong]))]


def _methods(line: Line, those: Sequence[str]) -> list[str]:
    return [method for method in those if any(point.method == method for point in line.others)]


def _beside(line: Line, methods: Sequence[str]) -> list[Curve]:
    """To the left and right of the tickets, all within one step of the ladder."""
    slots = len(methods) + 1 + len(methods) % 2
    made = []
    for number, method in enumerate(methods):
        side = number - len(methods) // 2
        side += side >= 0  # the ticket stands in the middle
        at = [point for ticket in line.tickets if (point := line.control(method, ticket.rung))]
        made.append(Curve(looks.NAMES[method], looks.BESIDE[method], at, STEP ** (side / slots)))
    return made


def draw(axes: Axes, panel: Panel, metric: str, within: Range) -> None:
    """All of a panel; upright bands hold what is of one density."""
    axes.set_title(panel.title, fontsize=10)
    for rung in panel.compared:
        ends = (FACTOR["density"] * rung * STEP**side for side in (0.5, -0.5))
        axes.axvspan(*ends, color=SHADES[1], alpha=0.45, lw=0, zorder=0, label="one density")
    if band := _band(panel.line, metric):
        axes.axhspan(*band, color=MUTED, alpha=0.15, lw=0, label="dense ± deviation")
        axes.axhline(sum(band) / 2, color=MUTED, lw=1, ls="--")
    for mean in _empty(panel.line, metric):
        axes.axhline(mean, color=INK, lw=1.2, ls=":", label="encoder all but empty")
    for curve in panel.curves:
        curves.draw(axes, curve, metric, "density", within)


def _empty(line: Line, metric: str) -> list[float]:
    """Means of what is left where next to nothing of the encoder is; its density is far outside the axis."""
    return [scores(point, metric).mean for point in line.others if point.empty]


def _band(line: Line, metric: str) -> Range | None:
    """Mean of the dense model less and plus one standard deviation, as the protocol compares."""
    if line.dense is None:
        return None
    values = line.dense.values(metric) * (100 if metric == "accuracy" else 1)
    mean, deviation = float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else 0.0
    return mean - deviation, mean + deviation
