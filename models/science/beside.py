"""Tables beside ladder and tests: layers, distillation, attention, empty encoders, dense models."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from hwsim.models.science import shown
from hwsim.models.science.column import DENSITY, LINE, SEEDS, Column, Table
from hwsim.models.science.intervals import crossed, over_seeds
from hwsim.models.science.matching import FEWEST, compare
from hwsim.models.science.paired import sign_flip
from hwsim.models.science.points import DENSE, DENSITIES, Line, Point, lines, points, same_rung
from hwsim.models.science.records import Record
from hwsim.models.science.rows import Row, compared, label, place_of, spread_of


def layer_rows(records: Sequence[Record]) -> list[Row]:
    """Every linear layer of the lines whose layers differ in density; in the others all have the rung's."""
    rows = []
    for line in lines(points(records)):
        tickets = [ticket for density in _asked(line) if (ticket := line.ticket(density))]
        kept = {shown.percent(ticket.rung): _layers(ticket) for ticket in tickets}
        if all(same_rung(min(found.values()), max(found.values())) for found in kept.values()):
            continue
        for layer in _layers(line.first):
            densities = {rung: found[layer] for rung, found in kept.items()}
            rows.append(place_of(line.first) | {"layer": layer, "densities": densities})
    return rows


def _asked(line: Line) -> list[float]:
    """The densities of the protocol where a line has them all, else its own."""
    if all(line.ticket(density) for density in DENSITIES):
        return list(DENSITIES)
    return [ticket.rung for ticket in line.tickets]


def _densities(rows: Sequence[Row]) -> list[Column]:
    """A column a density that a row has."""
    found = dict.fromkeys(rung for row in rows for rung in row["densities"])
    return [
        Column(f">{rung}", "densities", lambda kept, rung=rung: shown.percent(kept.get(rung)))
        for rung in sorted(found, key=lambda rung: float(rung.split()[0]), reverse=True)
    ]


def _layers(point: Point) -> dict[str, float]:
    """Mean densities over seeds, by layer."""
    runs = list(point.runs.values())
    return {
        layer: float(np.mean([run["densities"][layer] for run in runs])) for layer in runs[0]["densities"]
    }


def distillation_rows(records: Sequence[Record]) -> list[Row]:
    """The distillation loss on dev of lines with a teacher; tickets minus dense and controls."""
    rows = []
    for line in lines(points(records)):
        for ticket in line.tickets:
            beside = [control for control in line.tested if same_rung(control.rung, ticket.rung)]
            for other in (ticket, *([line.dense] if line.dense else []), *beside):
                if spread := spread_of(other, "teacher_divergence"):
                    rows.append(_taught(ticket, other) | {"divergence": spread})
    return rows


def _taught(ticket: Point, other: Point) -> Row:
    """How far the ticket is from what the teacher says, less how far the other model is."""
    seeds = [seed for seed in ticket.runs if seed in other.runs]
    row = place_of(ticket) | {
        "density": ticket.rung,
        "method": label(other, ticket),
        "seeds": len(other.runs),
    }
    if other is ticket or len(seeds) < FEWEST:
        return row | {"difference": None, "p_seeds": None}
    nats = ticket.values("teacher_divergence", seeds) - other.values("teacher_divergence", seeds)
    return row | {"difference": over_seeds(nats), "p_seeds": sign_flip(nats)}


def attention_rows(records: Sequence[Record]) -> list[Row]:
    """What float tickets gain over their dense models with the inhibitor, less the same with dot product."""
    found: dict[tuple[str, str], Line] = {}
    for line in lines(points(records)):
        found.setdefault((line.first.task, line.first.model), line)
    rows = []
    for (task, model), inhibitor in found.items():
        dot = found.get((task, "float_dot"))
        if model != "float_inhibitor" or dot is None:
            continue
        for density in _asked(inhibitor):
            four = inhibitor.ticket(density), inhibitor.dense, dot.ticket(density), dot.dense
            if difference := _gained(*four):
                rows.append({"task": task, "density": density} | difference)
    return rows


def _gained(a: Point | None, dense_a: Point | None, b: Point | None, dense_b: Point | None) -> Row | None:
    """(a - its dense model) - (b - its), paired; None where one was not run or seeds are too few."""
    if a is None or dense_a is None or b is None or dense_b is None:
        return None
    four = (a, dense_a, b, dense_b)
    seeds = [seed for seed in a.runs if all(seed in point.runs for point in four)]
    if len(seeds) < FEWEST:
        return None
    right = [point.right(seeds).astype(int) for point in four]
    loss = [point.values("loss", seeds) for point in four]
    d, nats = (of[0] - of[1] - (of[2] - of[3]) for of in (right, loss))
    return {
        "seeds": len(seeds),
        "difference": crossed(d),
        "p_seeds": sign_flip(d.sum(axis=1)),
        "loss_difference": over_seeds(nats),
        "loss_p_seeds": sign_flip(nats),
    }


def empty_rows(records: Sequence[Record]) -> list[Row]:
    """Encoders of which next to nothing is left, minus the dense models of their cells."""
    cells: dict[tuple[str, str, str], list[Point]] = {}
    for point in points(records):
        cells.setdefault((point.task, point.cell, point.model), []).append(point)
    return [
        compared(one, point)
        | {"weights": float(np.mean([run["density"] * run["bits"]["mask"] for run in point.runs.values()]))}
        | {metric: spread_of(point, metric) for metric in ("accuracy", "loss")}
        for cell in cells.values()
        for dense in cell
        if dense.method == DENSE
        for point in cell
        if point.empty and (one := compare(point, dense))
    ]


def dense_rows(records: Sequence[Record]) -> list[Row]:
    """How often dense models of two seeds are both right or both wrong, which is as alike as models get.

    Records say which answers are right, not which are given: with two classes the share is that of equal
    answers, with more that is at most as much.
    """
    found: dict[tuple[str, str], Point] = {}
    for line in lines(points(records)):
        if line.dense is not None and len(line.dense.runs) >= FEWEST:
            found.setdefault((line.first.task, line.first.model), line.dense)
    rows = []
    for dense in found.values():
        right = dense.right(list(dense.runs))
        same = [float(np.mean(a == b)) for a, b in itertools.combinations(right, 2)]
        rows.append(
            place_of(dense)
            | {"seeds": len(right), "pairs": len(same), "same": float(np.mean(same))}
            | {"least": min(same), "most": max(same)}
        )
    return rows


TABLES = {
    "layers": Table(
        layer_rows,
        (LINE, Column("layer", "layer")),
        needs="tickets whose layers differ in density, as with pruning.rule=magnitude_global",
        more=_densities,
    ),
    "distillation": Table(
        distillation_rows,
        (
            LINE,
            DENSITY,
            Column("model", "method"),
            SEEDS,
            Column(">distillation loss, nats", "divergence", shown.spread_of_nats),
            Column(">ticket minus it", "difference", shown.nats),
            Column(">p seeds", "p_seeds", shown.p),
        ),
        needs="tickets of a cell with a teacher (distillation.logits)",
    ),
    "attention": Table(
        attention_rows,
        (
            Column("task", "task"),
            DENSITY,
            SEEDS,
            Column(">accuracy, points", "difference", shown.points),
            Column(">p seeds", "p_seeds", shown.p),
            Column(">loss, nats", "loss_difference", shown.nats),
            Column(">p seeds", "loss_p_seeds", shown.p),
        ),
        needs="tickets of float_inhibitor and float_dot of a density, and their dense models, on two seeds",
    ),
    "empty": Table(
        empty_rows,
        (
            Column("task", "task"),
            Column("model", "model"),
            Column("cell", "cell"),
            Column(">weights kept", "weights", shown.count),
            SEEDS,
            Column(">accuracy", "accuracy", shown.spread),
            Column(">loss", "loss", shown.spread_of_nats),
            Column(">minus dense, points", "difference", shown.points),
            Column(">p seeds", "p_seeds", shown.p),
            Column(">minus dense, nats", "loss_difference", shown.nats),
            Column(">p seeds", "loss_p_seeds", shown.p),
        ),
        needs="a random mask of less than 0.1 % and the dense model of its cell, on two seeds",
    ),
    "dense": Table(
        dense_rows,
        (
            Column("task", "task"),
            Column("model", "model"),
            SEEDS,
            Column(">pairs", "pairs"),
            Column(">both right or both wrong", "same", shown.percent),
            Column(">least", "least", shown.percent),
            Column(">most", "most", shown.percent),
        ),
        needs="the dense model of a cell with tickets, on two seeds",
    ),
}
"""By name."""
