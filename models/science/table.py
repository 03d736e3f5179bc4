"""The tables of `hwsim results`: which rows, in which columns, how shown."""

from __future__ import annotations

import dataclasses
from typing import Any

from hwsim.errors import HwsimError
from hwsim.models.science import beside, rows, shown
from hwsim.models.science.column import DENSITY, LINE, SEEDS, Column, Table
from hwsim.models.science.intervals import Interval

TABLES: dict[str, Table] = {
    "ladder": Table(
        rows.ladder_rows,
        (
            LINE,
            DENSITY,
            Column(">of all weights", "density_all", shown.percent, page=True),
            SEEDS,
            Column(">accuracy", "accuracy", shown.spread),
            Column(">loss", "loss", shown.spread_of_nats),
            Column(">ECE", "ece", shown.spread_of_nats),
            Column(">agreement", "agreement", shown.spread),
            Column(">minus dense, points", "difference", shown.points),
            Column(">minus dense, nats", "loss_difference", shown.nats, page=True),
            Column(">p seeds", "p_seeds", shown.p, page=True),
            Column("matches", "matches", shown.yes),
            Column("in loss", "matches_loss", shown.yes),
        ),
        needs="tickets, which method iterative finds",
    ),
    "decisions": Table(
        rows.decision_rows,
        (LINE, Column("question", "question"), Column("answer", "answer", lambda said: said or "not run")),
        needs="any record",
    ),
    "controls": Table(
        rows.control_rows,
        (
            LINE,
            DENSITY,
            Column("ticket minus", "b"),
            SEEDS,
            Column(">accuracy, points", "difference", shown.points),
            Column(">bootstrap", "bootstrap", shown.points, page=True),
            Column(">p seeds", "p_seeds", shown.p, page=True),
            Column(">McNemar", "p_pooled", shown.p, page=True),
            Column(">Holm", "p_holm", shown.p),
            Column("ticket is", "verdict"),
            Column(">loss, nats", "loss_difference", shown.nats),
            Column(">p seeds", "loss_p_seeds", shown.p, page=True),
            Column(">Holm", "loss_p_holm", shown.p),
            Column("ticket is", "loss_verdict"),
            Column(">ECE", "ece_difference", shown.nats, page=True),
            Column(">agreement, points", "agreement_difference", shown.points, page=True),
        ),
        needs="a ticket and a control of its density, on two seeds",
    ),
    "others": Table(
        rows.other_rows,
        (
            LINE,
            DENSITY,
            Column("method", "a"),
            Column("minus", "b"),
            SEEDS,
            Column(">accuracy, points", "difference", shown.points),
            Column(">bootstrap", "bootstrap", shown.points, page=True),
            Column(">p seeds", "p_seeds", shown.p, page=True),
            Column(">loss, nats", "loss_difference", shown.nats),
            Column(">p seeds", "loss_p_seeds", shown.p, page=True),
            Column(">ECE", "ece_difference", shown.nats, page=True),
            Column(">agreement, points", "agreement_difference", shown.points, page=True),
        ),
        needs="a ticket and another method or cell at its density, on two seeds",
    ),
    "pooled": Table(
        rows.pooled_rows,
        (
            Column("model", "model"),
            Column("cell", "cell"),
            Column("tasks", "tasks", ", ".join),
            Column(">density", "rung", shown.percent),
            Column("ticket minus", "control"),
            Column(">pairs", "pairs"),
            Column(">accuracy, points", "accuracy", lambda value: f"{100 * value:+.2f}"),
            Column(">Holm", "p_accuracy", shown.p),
            Column(">loss, nats", "loss", lambda value: f"{value:+.3f}"),
            Column(">Holm", "p_loss", shown.p),
        ),
        needs="controls in cells of one name of two tasks or more",
    ),
    "overlaps": Table(
        rows.overlap_rows,
        (
            Column("task", "task"),
            Column("a", "a"),
            Column("b", "b"),
            DENSITY,
            SEEDS,
            Column(">common / expected", "ratio", lambda value: f"{value:.2f}"),
            Column(">excess", "excess", shown.nats),
            Column(">deviations", "deviations", lambda value: f"{value:,.1f}"),
            Column("near chance", "near_chance", shown.yes),
            Column(">equal signs", "signs", shown.nats),
        ),
        needs="what section [overlaps] of a grid asks for",
    ),
    "barriers": Table(
        rows.barrier_rows,
        (
            Column("task", "task"),
            Column("model", "model"),
            Column("cell", "cell"),
            Column("round", "round"),
            Column(">step", "step"),
            DENSITY,
            Column(">pairs", "pairs"),
            Column(">accuracy falls, points", "accuracy", shown.points),
            Column(">loss rises, nats", "loss", shown.nats),
            Column("stable", "stable", shown.yes),
        ),
        needs="what cells.NAME.barriers of a grid asks for",
    ),
    "cost": Table(
        rows.cost_rows,
        (
            LINE,
            Column("method", "method"),
            Column(">width", "width", page=True),
            DENSITY,
            SEEDS,
            Column(">accuracy", "accuracy", shown.spread),
            Column(">loss", "loss", shown.spread_of_nats),
            Column(">weights, KiB", "weight_bits", shown.kibibytes),
            Column(">mask entropy, KiB", "entropy_bits", shown.kibibytes),
            Column(">bits a weight", "entropy_per_weight", shown.three),
            Column(">digits/token", "digits_per_token", shown.count),
            Column(">steps", "steps", shown.count, page=True),
            Column(">device s", "seconds", shown.count, page=True),
        ),
        needs="runs",
    ),
    **beside.TABLES,
}
"""By name."""


def table(name: str) -> Table:
    """Raises HwsimError with the names there are."""
    if name not in TABLES:
        raise HwsimError(f"table {name!r}; choose one of {', '.join(TABLES)}")
    return TABLES[name]


def plain(value: Any) -> Any:
    """A value of a row as JSON: an interval as an object."""
    if isinstance(value, Interval):
        return dataclasses.asdict(value)
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value
