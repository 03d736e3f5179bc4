"""The tables of `hwsim results`: which rows, in which columns, how shown."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from hwsim.errors import HwsimError
from hwsim.models.science import rows, shown
from hwsim.models.science.intervals import Interval
from hwsim.models.science.records import Record
from hwsim.models.science.rows import Row

Column = tuple[str, str, Callable[[Any], str]]
"""Head, key of the row, how its value is shown."""


@dataclasses.dataclass(frozen=True)
class Table:
    """Rows from records, and columns to show them in."""

    rows: Callable[[Sequence[Record]], list[Row]]
    columns: tuple[Column, ...]

    def shown(self, records: Sequence[Record]) -> list[list[str]]:
        """The cells of every row."""
        return [[show(row[key]) for _, key, show in self.columns] for row in self.rows(records)]

    @property
    def heads(self) -> list[str]:
        """Of the columns."""
        return [head for head, _, _ in self.columns]


def _nats(value: tuple[float, float | None] | None) -> str:
    return shown.spread(value, 1, 3)


PLACE: tuple[Column, ...] = (
    ("task", "task", shown.text),
    ("model", "model", shown.text),
    ("cell", "cell", shown.text),
)
DIFFERENCE: tuple[Column, ...] = (
    (">seeds", "seeds", shown.text),
    (">accuracy, points", "difference", shown.points),
    (">bootstrap", "bootstrap", shown.points),
    (">p seeds", "p_seeds", shown.p),
    (">p pooled", "p_pooled", shown.p),
)
LOSS: tuple[Column, ...] = (
    (">loss, nats", "loss_difference", shown.nats),
    (">p seeds", "loss_p_seeds", shown.p),
)
TABLES: dict[str, Table] = {
    "ladder": Table(
        rows.ladder_rows,
        (
            *PLACE,
            (">density", "density", shown.percent),
            (">of all", "density_all", shown.percent),
            (">seeds", "seeds", shown.text),
            (">accuracy", "accuracy", shown.spread),
            (">loss", "loss", _nats),
            (">ECE", "ece", _nats),
            (">agreement", "agreement", shown.spread),
            (">minus dense, points", "difference", shown.points),
            (">nats", "loss_difference", shown.nats),
            ("matches", "matches", shown.yes),
            ("in loss", "matches_loss", shown.yes),
        ),
    ),
    "decisions": Table(
        rows.decision_rows,
        (
            *PLACE,
            ("question", "question", shown.text),
            ("answer", "answer", lambda value: value or "not run"),
        ),
    ),
    "controls": Table(
        rows.control_rows,
        (
            *PLACE,
            (">density", "density", shown.percent),
            ("control", "other", shown.text),
            *DIFFERENCE,
            (">Holm", "p_holm", shown.p),
            ("ticket is", "accuracy", shown.text),
            *LOSS,
            (">Holm", "loss_p_holm", shown.p),
            ("ticket is", "loss", shown.text),
        ),
    ),
    "others": Table(
        rows.other_rows,
        (
            *PLACE,
            (">density", "density", shown.percent),
            ("method minus ticket", "other", shown.text),
            *DIFFERENCE,
            *LOSS,
        ),
    ),
    "pooled": Table(
        rows.pooled_rows,
        (
            ("model", "model", shown.text),
            ("cell", "cell", shown.text),
            ("tasks", "tasks", ", ".join),
            (">density", "rung", shown.percent),
            ("control", "control", shown.text),
            (">pairs", "pairs", shown.text),
            (">accuracy, points", "accuracy", lambda value: f"{100 * value:+.2f}"),
            (">Holm", "p_accuracy", shown.p),
            (">loss, nats", "loss", lambda value: f"{value:+.3f}"),
            (">Holm", "p_loss", shown.p),
        ),
    ),
    "overlaps": Table(
        rows.overlap_rows,
        (
            ("task", "task", shown.text),
            ("a", "a", shown.text),
            ("b", "b", shown.text),
            (">density", "density", shown.percent),
            (">seeds", "seeds", shown.text),
            (">common / expected", "ratio", lambda value: f"{value:.2f}"),
            (">excess", "excess", shown.nats),
            (">deviations", "deviations", lambda value: f"{value:,.1f}"),
            ("near chance", "near_chance", shown.yes),
            (">equal signs", "signs", shown.nats),
        ),
    ),
    "barriers": Table(
        rows.barrier_rows,
        (
            *PLACE,
            ("round", "round", shown.text),
            (">step", "step", shown.text),
            (">density", "density", shown.percent),
            (">pairs", "pairs", shown.text),
            (">accuracy falls, points", "accuracy", shown.points),
            (">loss rises, nats", "loss", shown.nats),
            ("stable", "stable", shown.yes),
        ),
    ),
    "cost": Table(
        rows.cost_rows,
        (
            *PLACE,
            ("method", "method", shown.text),
            (">width", "width", shown.text),
            (">density", "density", shown.percent),
            (">accuracy", "accuracy", shown.spread),
            (">loss", "loss", _nats),
            (">weights, KiB", "weight_bits", shown.kibibytes),
            (">mask entropy, KiB", "entropy_bits", shown.kibibytes),
            (">bits a weight", "entropy_per_weight", lambda v: "-" if v is None else f"{v:.3f}"),
            (">digits/token", "digits_per_token", shown.count),
            (">steps", "steps", shown.count),
            (">device s", "seconds", lambda v: "-" if v is None else f"{v:,.1f}"),
        ),
    ),
}
"""By name."""


def table(name: str) -> Table:
    """Raises HwsimError with the names there are."""
    if name not in TABLES:
        raise HwsimError(f"table {name!r}; choose one of {', '.join(TABLES)}")
    return TABLES[name]


def plain(value: Any) -> Any:
    """A value of a row as JSON: an interval as mean, low and high."""
    if isinstance(value, Interval):
        return {"mean": value.mean, "low": value.low, "high": value.high}
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value
