"""Rows of the tables: plain values, intervals and decisions; how they are shown is said in table.py."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from hwsim.models.science import shown
from hwsim.models.science.barriers import barriers as barriers_of
from hwsim.models.science.hypotheses import Answer, answers, matched, same_mask
from hwsim.models.science.intervals import over_seeds
from hwsim.models.science.matching import Comparison, between, descriptions, ladder, pooled, separations
from hwsim.models.science.overlaps import pairs
from hwsim.models.science.points import DENSE, TICKET, Line, Point, lines, points
from hwsim.models.science.records import Record

Row = dict[str, Any]


def spread_of(point: Point, metric: str) -> tuple[float, float | None] | None:
    """Mean and standard deviation over seeds; None where a seed has none."""
    values = point.values(metric)
    if np.isnan(values).any():
        return None
    return float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else None


def place_of(point: Point) -> Row:
    """Where a point belongs, and the name of its line."""
    place = {"task": point.task, "model": point.model, "cell": point.cell, "rewind": point.rewind}
    return place | {"line": f"{point.task}: {point.name}"}


def _measured(point: Point) -> Row:
    measured: Row = {
        "seeds": len(point.runs),
        "density": point.rung,
        "density_all": point.mean("density_all"),
    }
    for metric in ("accuracy", "loss", "ece", "agreement"):
        measured[metric] = spread_of(point, metric)
    return measured | {"accuracy_interval": over_seeds(point.values("accuracy"))}


def ladder_rows(records: Sequence[Record]) -> list[Row]:
    """Every line: dense, then its tickets, against dense."""
    rows = []
    for line in lines(points(records)):
        empty = dict.fromkeys(("difference", "loss_difference", "p_seeds", "matches", "matches_loss"))
        if line.dense is not None:
            rows.append(place_of(line.first) | _measured(line.dense) | empty | {"method": DENSE})
        found = {rung.ticket.rung: rung for rung in ladder(line)}
        for ticket in line.tickets:
            row = place_of(ticket) | _measured(ticket) | empty | {"method": ticket.method}
            if rung := found.get(ticket.rung):
                row |= {
                    "difference": rung.comparison.accuracy.interval,
                    "loss_difference": rung.comparison.loss.interval,
                    "p_seeds": rung.comparison.accuracy.flip_seeds,
                    "matches": rung.matches,
                    "matches_loss": rung.matches_loss,
                }
            rows.append(row)
    return rows


def compared(one: Comparison, place: Point) -> Row:
    """A row of a - b, for the line that `place` belongs to."""
    return place_of(place) | {
        "density": place.rung,
        "a": label(one.a, place),
        "b": label(one.b, place),
        "seeds": len(one.seeds),
        "difference": one.accuracy.interval,
        "bootstrap": one.bootstrap(),
        "p_seeds": one.accuracy.flip_seeds,
        "mcnemar": one.mcnemar(),
        "p_pooled": one.pooled(),
        "p_holm": one.accuracy.adjusted,
        "verdict": shown.verdict(one.accuracy),
        "loss_difference": one.loss.interval,
        "loss_p_seeds": one.loss.flip_seeds,
        "loss_p_holm": one.loss.adjusted,
        "loss_verdict": shown.verdict(one.loss, least=True),
        "ece_difference": one.ece,
        "agreement_difference": one.agreement,
    }


def label(point: Point, place: Point) -> str:
    """A point's method, with its cell where that is not the cell of `place`."""
    method = "ticket" if point.method == TICKET else point.method
    return method if (point.cell, point.model) == (place.cell, place.model) else f"{method} of {point.cell}"


def control_rows(records: Sequence[Record]) -> list[Row]:
    """Ticket minus control, rung by rung."""
    return [compared(one, one.a) for line in lines(points(records)) for one in separations(line)]


def other_rows(records: Sequence[Record]) -> list[Row]:
    """Every other method, and the tickets of other cells, minus the ticket of their rung."""
    found = lines(points(records))
    beside = [compared(one, line.ticket(one.b.rung) or one.b) for line in found for one in descriptions(line)]
    return beside + [compared(one, one.b) for one in between(found)]


def decision_rows(records: Sequence[Record]) -> list[Row]:
    """How far each line matches, and the protocol's hypotheses."""
    rows = []
    found = lines(points(records))
    for line in found:
        rungs = ladder(line)
        for name, one in zip(("accuracy", "loss"), matched(rungs), strict=True):
            said = f"down to {shown.percent(one.down_to)}" if one.down_to else "nowhere"
            if one.sparsest != one.down_to:
                said += f" (sparsest single rung {shown.percent(one.sparsest)})"
            rows.append(
                place_of(line.first) | {"question": f"matches in {name}", "answer": said if rungs else None}
            )
        for answer in answers(line, rungs, separations(line)):
            rows.append(place_of(line.first) | {"question": answer.hypothesis, "answer": _said(answer)})
    for task in dict.fromkeys(record["task"] for record in records):
        answer = same_mask(pairs([record for record in records if record["task"] == task]))
        place = {
            "task": task,
            "model": None,
            "cell": None,
            "rewind": None,
            "line": f"{task}: float against integer",
        }
        rows.append(place | {"question": answer.hypothesis, "answer": _said(answer)})
    return rows


def _said(answer: Answer) -> str | None:
    if answer.holds is None:
        return answer.missing or None
    where = ", ".join(shown.percent(density) for density in answer.densities)
    at = f", {'at' if answer.holds else 'only at'} {where}" if where else ""
    return shown.yes(answer.holds) + at


def pooled_rows(records: Sequence[Record]) -> list[Row]:
    """Ticket minus control over tasks, for cells of one name and model."""
    groups: dict[tuple[str, str], list[Line]] = {}
    for line in lines(points(records)):
        groups.setdefault((line.first.model, line.first.cell), []).append(line)
    return [
        {"cell": cell} | dataclasses.asdict(one)
        for (_, cell), group in groups.items()
        for one in pooled([separations(line) for line in group])
    ]


def overlap_rows(records: Sequence[Record]) -> list[Row]:
    """Masks against masks."""
    return [
        {
            "task": pair.task,
            "a": _side(pair.a),
            "b": _side(pair.b),
            "density": pair.density,
            "seeds": pair.seeds,
            "ratio": pair.ratio,
            "excess": pair.excess,
            "deviations": pair.deviations,
            "near_chance": pair.near_chance,
            "signs": pair.signs,
        }
        for pair in pairs(records)
    ]


def _side(side: dict[str, Any]) -> str:
    return " ".join(str(side[name]) for name in ("task", "model", "cell") if name in side)


def barrier_rows(records: Sequence[Record]) -> list[Row]:
    """Stability at the steps that are rewound to."""
    return [
        dataclasses.asdict(one) | {"accuracy": one.accuracy, "loss": one.loss, "stable": one.stable}
        for one in barriers_of(records)
    ]


def cost_rows(records: Sequence[Record]) -> list[Row]:
    """What every round of every cell takes."""
    rows = []
    for point in points(records):
        mask, entropy = point.mean("bits", "mask"), point.mean("bits", "mask_entropy")
        rows.append(
            place_of(point)
            | {"method": point.method, "width": point.width, "seeds": len(point.runs)}
            | {"density": point.rung, "density_integer": point.mean("density_integer")}
            | {"density_all": point.mean("density_all"), "accuracy": spread_of(point, "accuracy")}
            | {"loss": spread_of(point, "loss"), "parameters": point.mean("parameters")}
            | {"weight_bits": point.mean("bits", "weights"), "entropy_bits": entropy}
            | {"total_bits": point.mean("bits", "total"), "digits_per_token": point.mean("digits_per_token")}
            | {"entropy_per_weight": entropy / mask if mask and entropy is not None else None}
            | {"steps": point.mean("steps"), "seconds": point.mean("seconds")}
        )
    return rows
