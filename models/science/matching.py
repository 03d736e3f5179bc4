"""Decisions: ticket against dense and against each control, rung by rung, as docs/protocol.md says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from hwsim.models.science import paired
from hwsim.models.science.intervals import Interval, crossed, crossed_bootstrap, over_seeds
from hwsim.models.science.points import CONTROLS, Line, Point, same_rung

ALPHA = 0.05
FEWEST = 2
"""Seeds below which nothing is decided."""
ALSO_MINUS = {"transfer": ("shuffle", "reinit"), "one_shot": ("shuffle", "random_global")}
"""Controls that a method is compared with, too: a moved ticket as the protocol says; one found at once, as in
a first trial it was no better than a lot."""


@dataclass(frozen=True)
class Difference:
    """Of one metric, paired."""

    interval: Interval
    """Of accuracies, fractions, over seeds and examples; of losses, nats, over seeds."""
    flip_seeds: float
    """p of the sign-flip test over seeds."""
    adjusted: float | None = None
    """The interval's p after Holm, in its family; None outside one."""

    @property
    def separated(self) -> bool:
        """By the protocol."""
        return self.adjusted is not None and self.adjusted <= ALPHA


@dataclass(frozen=True)
class Comparison:
    """Two points on the seeds that both have."""

    a: Point
    b: Point
    seeds: tuple[int, ...]
    d: np.ndarray
    """[seeds, examples], -1, 0 or 1: how much more right the first was."""
    accuracy: Difference
    """Positive where the first is better."""
    loss: Difference
    """Negative where the first is better."""
    ece: Interval
    """Of calibration errors, over seeds; negative where the first is better."""
    agreement: Interval | None
    """Of agreements with the dense model, over seeds; None where one side is that model."""

    def mcnemar(self) -> list[float]:
        """mid-p, seed by seed."""
        return [paired.flipped_integers(row) for row in self.d]

    def pooled(self) -> float:
        """mid-p over examples, all seeds of an example together."""
        return paired.flipped_integers(self.d.sum(axis=0))

    def bootstrap(self) -> Interval:
        """The other interval of the accuracies, which decides nothing."""
        return crossed_bootstrap(self.d)


def compare(a: Point, b: Point) -> Comparison | None:
    """a - b; None with fewer than two common seeds."""
    seeds = tuple(seed for seed in a.runs if seed in b.runs)
    if len(seeds) < FEWEST:
        return None
    d = a.right(seeds).astype(int) - b.right(seeds).astype(int)
    losses = a.values("loss", seeds) - b.values("loss", seeds)
    agreement = a.values("agreement", seeds) - b.values("agreement", seeds)
    return Comparison(
        a,
        b,
        seeds,
        d,
        Difference(crossed(d), paired.sign_flip(d.sum(axis=1))),
        Difference(over_seeds(losses), paired.sign_flip(losses)),
        over_seeds(a.values("ece", seeds) - b.values("ece", seeds)),
        None if np.isnan(agreement).any() else over_seeds(agreement),
    )


def separations(line: Line) -> list[Comparison]:
    """Every ticket against every control at its rung: one family, corrected."""
    made = [
        found
        for ticket in line.tickets
        for method in CONTROLS
        if (control := line.control(method, ticket.rung)) and (found := compare(ticket, control))
    ]
    accuracy = paired.holm([one.accuracy.interval.p or 0.0 for one in made])
    loss = paired.holm([one.loss.interval.p or 0.0 for one in made])
    return [
        replace(one, accuracy=replace(one.accuracy, adjusted=p), loss=replace(one.loss, adjusted=q))
        for one, p, q in zip(made, accuracy, loss, strict=True)
    ]


def descriptions(line: Line) -> list[Comparison]:
    """Every other method minus the ticket of its rung, some also minus controls: effects, nothing decided."""
    made = []
    for other in line.others:
        if other.method not in CONTROLS:
            made += [compare(other, base) for base in _bases(line, other)]
    return [one for one in made if one is not None]


def _bases(line: Line, other: Point) -> list[Point]:
    """What a method is compared with.

    A ticket of another task was rewound to a step, so that lines that are rewound otherwise say nothing of
    it, but for the one with the controls that it is compared with, too.
    """
    controls = [line.control(method, other.rung) for method in ALSO_MINUS.get(other.method, ())]
    if other.method == "transfer" and not any(controls) and not line.first.rewind.startswith("step"):
        return []
    return [base for base in (line.ticket(other.rung), *controls) if base is not None]


def between(lines: Sequence[Line]) -> list[Comparison]:
    """Tickets of a task's other lines minus those of its first, at the rungs where that has controls."""
    made = []
    for line in lines:
        reference = next(other for other in lines if other.first.task == line.first.task)
        if line is reference:
            continue
        for ticket in reference.tickets:
            other = line.ticket(ticket.rung)
            if other is not None and any(same_rung(point.rung, ticket.rung) for point in reference.tested):
                made.append(compare(other, ticket))
    return [one for one in made if one is not None]


@dataclass(frozen=True)
class Rung:
    """A ticket against dense."""

    ticket: Point
    dense: Point
    comparison: Comparison
    floor: float
    """The least mean accuracy that matches: dense mean minus one standard deviation."""
    ceiling: float
    """The most mean loss that matches."""

    @property
    def matches(self) -> bool:
        """In accuracy, both criteria."""
        high = self.comparison.accuracy.interval.high
        return bool(self.ticket.values("accuracy").mean() >= self.floor and high is not None and high >= 0)

    @property
    def matches_loss(self) -> bool:
        """In loss, both criteria."""
        low = self.comparison.loss.interval.low
        return bool(self.ticket.values("loss").mean() <= self.ceiling and low is not None and low <= 0)


def ladder(line: Line) -> list[Rung]:
    """The rungs that can be compared, from dense to sparse; none without a dense model."""
    if line.dense is None or len(line.dense.runs) < FEWEST:
        return []
    accuracy, loss = line.dense.values("accuracy"), line.dense.values("loss")
    floor = float(accuracy.mean() - accuracy.std(ddof=1))
    ceiling = float(loss.mean() + loss.std(ddof=1))
    found = [(ticket, compare(ticket, line.dense)) for ticket in line.tickets]
    return [Rung(ticket, line.dense, c, floor, ceiling) for ticket, c in found if c is not None]


@dataclass(frozen=True)
class Matching:
    """How far down a ladder matches; None: not at all."""

    down_to: float | None
    """The last rung before the first that does not match."""
    sparsest: float | None
    """The sparsest that does, which profits from luck."""


def matching(matches: Sequence[tuple[float, bool]]) -> Matching:
    """From (density, whether it matches), from dense to sparse."""
    first_failure = next((i for i, (_, ok) in enumerate(matches) if not ok), len(matches))
    good = [density for density, ok in matches if ok]
    return Matching(matches[first_failure - 1][0] if first_failure else None, good[-1] if good else None)


@dataclass(frozen=True)
class Pooled:
    """A control at a rung over several tasks: signs flipped over all pairs of seeds."""

    model: str
    control: str
    rung: float
    tasks: tuple[str, ...]
    pairs: int
    accuracy: float
    """Mean difference over pairs."""
    loss: float
    p_accuracy: float
    p_loss: float
    """Both adjusted by Holm in their families."""


def pooled(families: Sequence[list[Comparison]]) -> list[Pooled]:
    """Over the separations of one line a task, of one model; none for a single task."""
    groups: dict[tuple[str, float], list[Comparison]] = {}
    for one in (one for family in families for one in family):
        groups.setdefault((one.b.method, round(one.a.rung, 3)), []).append(one)
    made = []
    for (control, rung), group in groups.items():
        if len(group) < 2:
            continue
        accuracy = np.concatenate(
            [c.a.values("accuracy", c.seeds) - c.b.values("accuracy", c.seeds) for c in group]
        )
        loss = np.concatenate([c.a.values("loss", c.seeds) - c.b.values("loss", c.seeds) for c in group])
        p = paired.sign_flip(accuracy), paired.sign_flip(loss)
        tasks = tuple(c.a.task for c in group)
        made.append(
            Pooled(
                group[0].a.model,
                control,
                rung,
                tasks,
                len(loss),
                float(accuracy.mean()),
                float(loss.mean()),
                *p,
            )
        )
    adjusted = zip(
        made, paired.holm([m.p_accuracy for m in made]), paired.holm([m.p_loss for m in made]), strict=True
    )
    return [replace(one, p_accuracy=p, p_loss=q) for one, p, q in adjusted]
