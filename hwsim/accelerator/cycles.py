"""The cycle model: what a run of a program takes, operation by operation, equal to the Verilog's counter.

An operation takes one clock to begin, its steps, and DRAIN clocks until its last row is in the memory.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwsim.accelerator.frame import REAL, REPORT, Frame
from hwsim.accelerator.operations import Kind, Operation
from hwsim.accelerator.program import Program

DRAIN = 14
NORMALISE = 24
MULTIPLY = 4
"""Clocks an element of a norm's second pass."""
SEND_LOGIT = 8

TERMS = {
    Kind.LINEAR: "linear",
    Kind.CLASSIFY: "linear",
    Kind.SCORE: "attention",
    Kind.CENTRE: "attention",
    Kind.INHIBIT: "attention",
    Kind.NORM: "norm",
    Kind.LOAD: "transfer",
    Kind.SEND: "transfer",
    Kind.END: "transfer",
}
"""What the cycles of a kind count as: density shrinks `linear`, tokens `attention`, neither `norm`.
The pool is one INHIBIT, and counts as attention."""


@dataclass(frozen=True)
class Spent:
    """What one operation takes."""

    operation: Operation
    cycles: int
    steps: int
    """Clocks in which operands, beats or entries move."""
    rows: int
    """Rows written."""
    reads_a: int
    """Rows of memory A read (a byte a lane)."""
    reads_s: int
    """Rows of memory S read (16 bits a lane)."""
    entries: int
    """Weight entries read."""
    biases: int
    """Biases read."""

    @property
    def term(self) -> str:
        """linear, attention, norm or transfer."""
        return TERMS[self.operation.kind]


def tokens_frame(tokens: int) -> Frame:
    """The frame of one sentence of so many real tokens."""
    tags = np.full(tokens, REAL, np.uint8)
    tags[0] |= REPORT
    return Frame(tags, (0,), (tokens,))


def cycles(program: Program, frame: Frame) -> list[Spent]:
    """What each operation of a program takes for a frame, without stalls."""
    return [
        _spend(operation, entries, frame)
        for operation, entries in zip(program.operations, program.entries_of, strict=True)
    ]


def total(program: Program, frame: Frame) -> int:
    """Clock cycles of a run, as the accelerator counts them: first beat of the frame to the end."""
    return sum(spent.cycles for spent in cycles(program, frame))


def rows_written(operation: Operation, frame: Frame) -> int:
    """How many rows an operation writes."""
    if operation.kind is Kind.LOAD:
        return frame.pairs * operation.count
    if operation.kind in (Kind.LINEAR, Kind.CLASSIFY):
        return operation.immediate
    if operation.kind is Kind.SCORE or (operation.kind is Kind.CENTRE and operation.count == 0):
        return frame.keys
    return 0 if operation.kind in (Kind.SEND, Kind.END) else operation.count


def _spend(operation: Operation, entries: int, frame: Frame) -> Spent:
    kind, count, keys = operation.kind, operation.count, frame.keys
    rows = rows_written(operation, frame)
    if kind is Kind.END:
        return Spent(operation, 1, 0, 0, 0, 0, 0, 0)
    reads_a, reads_s = 0, rows if operation.add_residual else 0
    if kind is Kind.LOAD:
        steps = frame.pairs * (count + 1)
    elif kind in (Kind.LINEAR, Kind.CLASSIFY):
        steps = reads_a = entries
    elif kind in (Kind.SCORE, Kind.INHIBIT):
        steps = reads_a = reads_s = keys * count
    elif kind is Kind.CENTRE:
        steps = reads_s = rows
    elif kind is Kind.NORM:
        read = (1 + MULTIPLY) * count
        steps = read + NORMALISE
        reads_a, reads_s = (read, 0) if operation.from_a else (0, read)
    else:
        reports = int(np.count_nonzero(frame.tags & REPORT))
        steps = keys + SEND_LOGIT * count * reports
        reads_a = 3 * count * reports
    biases = {Kind.LINEAR: rows, Kind.CLASSIFY: rows // 3}.get(kind, 0)
    return Spent(operation, 1 + steps + DRAIN, steps, rows, reads_a, reads_s, entries, biases)
