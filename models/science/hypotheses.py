"""The protocol's hypotheses H1 to H6, answered from decisions that are made elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hwsim.models.science.matching import Comparison, Matching, Rung, matching
from hwsim.models.science.overlaps import Pair
from hwsim.models.science.points import STEP, Line, Point, same_rung

GOAL = STEP**7
"""The density that H1 names."""
ABOVE = {
    "H2": ("shuffle", "random_global"),
    "H3": ("reinit",),
    "H5": ("small_dense", "long_dense", "pruned_finetuned"),
}
"""The controls from all of which the ticket must be separated, upwards, at one density."""


@dataclass(frozen=True)
class Answer:
    """To one hypothesis."""

    hypothesis: str
    holds: bool | None
    """None: what it needs has not been run."""
    densities: tuple[float, ...] = ()
    """Where it holds."""
    missing: str = ""
    """What has not been run, where one thing alone is missing."""


def upwards(one: Comparison) -> bool:
    """Whether the ticket is separated above the control, in accuracy."""
    return one.accuracy.separated and one.accuracy.interval.mean > 0


def matched(rungs: Sequence[Rung]) -> tuple[Matching, Matching]:
    """How far down a ladder matches in accuracy and in loss."""
    return (
        matching([(rung.ticket.rung, rung.matches) for rung in rungs]),
        matching([(rung.ticket.rung, rung.matches_loss) for rung in rungs]),
    )


def answers(line: Line, rungs: Sequence[Rung], family: Sequence[Comparison]) -> list[Answer]:
    """H1 to H5 of one line, from its ladder and its separations."""
    down = matched(rungs)[0].down_to
    reached = down is not None and (down < GOAL or same_rung(down, GOAL))
    # Without a rung as sparse as that the ladder has not been run.
    complete = any(_as_sparse(rung.ticket) for rung in rungs)
    made = [
        Answer(
            "H1",
            reached if complete else None,
            (down,) if reached and down is not None else (),
            "" if any(map(_as_sparse, line.tickets)) else f"no rung at or below {100 * GOAL:.2f} %",
        )
    ]
    at: dict[float, dict[str, Comparison]] = {}
    for one in family:
        at.setdefault(one.a.rung, {})[one.b.method] = one
    for name, needed in ABOVE.items():
        where = {
            rung: all(upwards(found[c]) for c in needed)
            for rung, found in at.items()
            if found.keys() >= set(needed)
        }
        made.append(_answer(name, where))
    signs = {
        rung: not found["sign"].accuracy.separated and upwards(found["magnitude"])
        for rung, found in at.items()
        if found.keys() >= {"sign", "magnitude"}
    }
    return sorted([*made, _answer("H4", signs)], key=lambda answer: answer.hypothesis)


def _as_sparse(ticket: Point) -> bool:
    """Whether a ticket is as sparse as H1 asks."""
    return ticket.rung < GOAL or same_rung(ticket.rung, GOAL)


def same_mask(pairs: Sequence[Pair]) -> Answer:
    """H6, from the overlaps of a float model's masks with an integer model's."""
    mixed = [
        pair for pair in pairs if len({side["model"].startswith("float") for side in (pair.a, pair.b)}) == 2
    ]
    where: dict[float, bool] = {}
    for pair in mixed:
        where[pair.density] = where.get(pair.density, True) and not pair.near_chance
    found = _answer("H6", where)
    # Unlike the others it asks for every density: one overlap beyond chance is not the same ticket.
    return Answer("H6", all(where.values()) if where else None, found.densities)


def _answer(name: str, where: dict[float, bool]) -> Answer:
    holds = tuple(sorted((rung for rung, ok in where.items() if ok), reverse=True))
    return Answer(name, bool(holds) if where else None, holds)
