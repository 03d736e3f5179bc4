"""Cycles against density: what of a run a sparser ticket saves, and what it does not."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from hwsim import digits
from hwsim.accelerator.cycles import cycles, tokens_frame
from hwsim.accelerator.operations import Kind
from hwsim.accelerator.program import Program
from hwsim.ticket import Ticket

DENSITIES = (1.0, 0.8, 0.6, 0.4, 0.3, 0.2, 0.15, 0.1, 0.05, 0.02, 0.01)


def ternary_entries(mask: np.ndarray) -> int:
    """Entries of the digit stream of ternary weights at bool mask [outputs, inputs], without making it.

    One a weight, one more for each whole gap of SKIP inputs before it, and one for a row without weights.
    """
    rows, columns = np.nonzero(mask)
    first = np.diff(rows, prepend=-1) != 0
    gaps = columns - np.where(first, -1, np.roll(columns, 1)) - 1
    return int(len(rows) + (gaps // digits.SKIP).sum() + (~mask.any(axis=1)).sum())


def curve(ticket: Ticket, program: Program, tokens: int, seed: int = 0) -> list[dict[str, Any]]:
    """The terms of a run at each density, for random ternary masks of the ticket's shape.

    A row is {density, entries, linear, attention, norm, transfer}, in clock cycles; the classifier stays.
    """
    rng = np.random.default_rng(seed)
    shapes = [linear.weight.shape for _, linear in ticket.encoder()]
    order = [rng.permutation(int(np.prod(shape))).reshape(shape) for shape in shapes]
    terms: Counter[str] = Counter()
    for spent in cycles(program, tokens_frame(tokens)):
        terms[spent.term] += spent.cycles
    stored = sum(
        entries
        for operation, entries in zip(program.operations, program.entries_of, strict=True)
        if operation.kind is Kind.LINEAR
    )
    rows = []
    for density in DENSITIES:
        entries = sum(ternary_entries(place < round(density * place.size)) for place in order)
        rows.append(
            {"density": density, "entries": entries, **terms, "linear": terms["linear"] - stored + entries}
        )
    return rows
