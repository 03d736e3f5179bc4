"""The inhibitor's accelerator beside its twin: cycles and energy of one encoder block, on equal lanes.

    python -m hwsim.baseline.compare > rtl/baseline/comparison.json

Both run the same shape: with the same sparse ternary weights, and with dense weights of eight bits. The
cycles are those of the cycle model, which both machines' counters equal in the tests. Energy is that of
`hwsim.energy`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hwsim.accelerator import Kind, Machine, Program, Spent, compile_ticket, cycles, tokens_frame
from hwsim.accelerator.report import energy, lane_work
from hwsim.baseline.program import ENTRY_BITS, DotMachine, compile_dot
from hwsim.config import ModelConfig
from hwsim.energy import Work, work
from hwsim.make import random_ticket
from hwsim.ticket import Ticket

BLOCK = ModelConfig(
    vocabulary=8, max_tokens=64, width=128, heads=4, layers=1, hidden=512, classes=2, residual_bits=16
)
"""The block that is compared: the shape of a layer of the shipped tickets."""

DENSITIES = (0.2, 0.05)
"""Of the ternary weights."""

BIAS_BITS = 24
MACHINES = "inhibitor", "dot product"


def dot_lane_work(one: Spent) -> Work:
    """Operations of one lane of the twin."""
    kind, out = one.operation.kind, one.rows if one.operation.add_residual or one.operation.centre else 0
    if kind in (Kind.LINEAR, Kind.CLASSIFY, Kind.SCORE, Kind.INHIBIT):
        compared = one.rows if kind is Kind.SCORE else 0
        return work(int8_multiply=one.steps, int32_add=one.steps + out + compared)
    return lane_work(one)


def block(program: Program, tokens: int) -> list[Spent]:
    """What the operations of the encoder block take: those between the load and the final norm."""
    spent = cycles(program, tokens_frame(tokens))
    last = next(i for i, one in enumerate(spent) if one.operation.tensor == "final_norm")
    return spent[1:last]


def row(name: str, weights: str, program: Program, tokens: int) -> dict[str, Any]:
    """One machine on one set of weights."""
    spent = block(program, tokens)
    terms = dict.fromkeys(("linear", "attention", "norm"), 0)
    for one in spent:
        softmax = one.operation.kind is Kind.NORM and one.operation.signed
        terms["attention" if softmax else one.term] += one.cycles
    dot = name == MACHINES[1]
    spends = energy(program, spent, dot_lane_work, ENTRY_BITS, BIAS_BITS) if dot else energy(program, spent)
    return {
        "machine": name,
        "weights": weights,
        "entries": sum(one.entries for one in spent),
        "weight_bits": (ENTRY_BITS if dot else 9) * sum(one.entries for one in spent),
        **terms,
        "cycles": sum(terms.values()),
        "nanojoules": {kind: round(value, 1) for kind, value in spends.items()},
    }


def pair(ticket: Ticket, weights: str, lanes: int, tokens: int, dense: bool = False) -> list[dict[str, Any]]:
    """Both machines on the same weights, streamed so that any number of them fits; dense: zeros, too."""
    common = (lanes, 128, 0, 2048, 64)
    return [
        row(MACHINES[0], weights, compile_ticket(ticket, Machine(*common)), tokens),
        row(MACHINES[1], weights, compile_dot(ticket, DotMachine(*common), dense), tokens),
    ]


def comparison(lanes: int = 32, tokens: int = 32, densities: Sequence[float] = DENSITIES) -> dict[str, Any]:
    """Rows for ternary weights of each density and for dense int8 weights."""
    rows = []
    for density in densities:
        # A random ternary weight that is kept is 0 one time in three.
        ticket = random_ticket(BLOCK, 0, 1.5 * density)
        rows += pair(ticket, f"ternary, {ticket.density:.1%} not zero", lanes, tokens)
    dense = random_ticket(replace(BLOCK, weights="int8"), 0, 1.0)
    rows += pair(dense, "int8, dense", lanes, tokens, dense=True)
    return {"lanes": lanes, "tokens": tokens, "shape": "d 128, 4 heads, hidden 512", "rows": rows}


if __name__ == "__main__":
    print(json.dumps(comparison(), indent=1))
