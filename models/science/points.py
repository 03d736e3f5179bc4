"""Records grouped: a *point* is a round with its seeds, a *line* a ladder of tickets with all beside it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hwsim.models.science.records import Record

TICKET, DENSE = "iterative", "dense"
CONTROLS = (
    "shuffle",
    "random_global",
    "reinit",
    "sign",
    "magnitude",
    "small_dense",
    "long_dense",
    "pruned_finetuned",
)
"""Of the protocol, in its order."""
STEP = 0.8
"""From rung to rung of the protocol's ladder."""
DENSITIES = tuple(STEP**k for k in (3, 7, 10, 13, 18))
"""Where the protocol has controls."""
SHARED = ("task", "cell", "model", "width", "method", "round", "rewind")
"""Fields that the runs of a point have in common."""
MODELS = ("ternary", "int4", "int8", "float_inhibitor", "float_dot")
"""In the order in which they are shown; others follow."""
STRONG = ("edge_popup", "signed_supermask")
EMPTY = 0.001
"""A random mask of less is next to nothing."""
SAME_RUNG = 0.01
"""Relative difference of densities of one rung: counts are whole numbers of weights."""


@dataclass(frozen=True)
class Point:
    """One round of a cell."""

    task: str
    cell: str
    model: str
    width: int
    method: str
    round: str
    rewind: str
    rung: float
    """The density it stands for on the ladder; of a small dense model, that of the ticket of its size."""
    runs: dict[int, Record]
    """By seed, in order."""

    def values(self, metric: str, seeds: Sequence[int] | None = None) -> np.ndarray:
        """A metric, [seeds]; of all of them by default. NaN for a run without it."""
        return np.array(
            [self.runs[s]["metrics"].get(metric) for s in (self.runs if seeds is None else seeds)], float
        )

    def mean(self, *path: str) -> float | None:
        """The mean over seeds of a field, such as "bits", "total"; None where it is not counted."""
        found: list[Any] = list(self.runs.values())
        for name in path:
            found = [value.get(name) for value in found]
        return None if any(value is None for value in found) else float(np.mean(found))

    def right(self, seeds: Sequence[int]) -> np.ndarray:
        """Whether each dev example was answered right, bool [seeds, examples]."""
        packed = [np.frombuffer(bytes.fromhex(self.runs[s]["right"]), np.uint8) for s in seeds]
        examples = self.runs[seeds[0]]["examples"]
        return np.unpackbits(np.stack(packed), axis=1, count=examples).astype(bool)

    @property
    def empty(self) -> bool:
        """Whether a lot has left next to nothing of its encoder."""
        return self.method == "random" and self.rung < EMPTY

    @property
    def taught(self) -> bool:
        """Whether a teacher's answers were lessons."""
        return any("teacher_divergence" in run["metrics"] for run in self.runs.values())

    @property
    def name(self) -> str:
        """Of its model and cell, in figures."""
        model = self.model.replace("_", " ")
        return model if self.cell == self.model else f"{model}, {self.cell.replace('_', ' ')}"


@dataclass(frozen=True)
class Line:
    """A cell with a ladder of tickets."""

    tickets: list[Point]
    """From dense to sparse."""
    dense: Point | None
    others: list[Point]
    """Those of the cell, then those that cells without tickets lend to it."""

    @property
    def first(self) -> Point:
        """A ticket, for what all have in common."""
        return self.tickets[0]

    @property
    def tested(self) -> list[Point]:
        """The controls."""
        return [point for point in self.others if point.method in CONTROLS]

    def ticket(self, rung: float) -> Point | None:
        """The ticket of a rung."""
        return _at(self.tickets, rung)

    def control(self, method: str, rung: float) -> Point | None:
        """The point of another method at a rung; the cell's own comes before one that is lent."""
        return _at([point for point in self.others if point.method == method], rung)


def same_rung(a: float, b: float) -> bool:
    """Whether two densities are the same rung."""
    return math.isclose(a, b, rel_tol=SAME_RUNG)


def _at(points: Sequence[Point], rung: float) -> Point | None:
    return next((point for point in points if same_rung(point.rung, rung)), None)


def points(records: Sequence[Record]) -> list[Point]:
    """The runs, round by round; by task, cell and method, from dense to sparse."""
    groups: dict[tuple[Any, ...], dict[int, Record]] = defaultdict(dict)
    for record in records:
        if record["kind"] == "run":
            groups[tuple(record[name] for name in SHARED)][record["seed"]] = record
    made = []
    for key, runs in groups.items():
        first = next(iter(runs.values()))
        rung = first.get("rung", first["density"])
        made.append(Point(**dict(zip(SHARED, key, strict=True)), rung=rung, runs=dict(sorted(runs.items()))))
    return sorted(made, key=lambda p: (p.task, _order(p.model), p.cell, p.method, -p.rung))


def _order(model: str) -> tuple[int, str]:
    return MODELS.index(model) if model in MODELS else len(MODELS), model


def lines(found: Sequence[Point]) -> list[Line]:
    """Every cell with tickets, for each task the one with the most controls first.

    Cells without tickets lend what they have to those of their task and model.
    """
    cells: dict[tuple[str, str, str], list[Point]] = defaultdict(list)
    for point in found:
        cells[point.task, point.cell, point.model].append(point)
    with_tickets = {key for key, own in cells.items() if any(point.method == TICKET for point in own)}
    made = []
    for key in cells:
        if key not in with_tickets:
            continue
        task, _, model = key
        tickets = [point for point in cells[key] if point.method == TICKET]
        lent = [
            point
            for other, own in cells.items()
            if other not in with_tickets and (other[0], other[2]) == (task, model)
            for point in own
            if _fits(point, tickets[0])
        ]
        beside = [point for point in [*cells[key], *lent] if point.method not in (TICKET, DENSE)]
        dense = next((point for point in [*cells[key], *lent] if point.method == DENSE), None)
        made.append(Line(tickets, dense, beside))
    return sorted(made, key=lambda line: (line.first.task, -len(line.tested), _order(line.first.model)))


def _fits(lent: Point, ticket: Point) -> bool:
    """Whether a point of another cell stands beside a ticket.

    It must have its lessons and its width, which small models are meant not to have, and, if rewound, be
    rewound to the same, which makes no difference to an encoder that is all but empty.
    """
    alike = lent.taught == ticket.taught and (lent.width == ticket.width or lent.method == "small_dense")
    rewound = any(record.get("after") is not None for record in lent.runs.values())
    return alike and (not rewound or lent.rewind == ticket.rewind or lent.empty)
