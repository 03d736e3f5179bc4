"""Random programs for a small accelerator: what no compiler makes, inside what the hardware promises."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from hwsim import digits
from hwsim.accelerator import Kind, Machine, MemoryMap, Operation, Program
from hwsim.accelerator.program import bias_words

SMALL = Machine(lanes=8, width=32, weight_depth=65536, bias_depth=2048, operations=128)


def rows_of(operation: Operation) -> tuple[list[tuple[str, int, int, bool]], tuple[str, int, int]]:
    """(what it reads, what it writes): memory, first row, rows; True: a row is read before it is written."""
    kind, count, lanes = operation.kind, operation.count, SMALL.lanes
    keys = kind is Kind.INHIBIT or (kind is Kind.CENTRE and count == 0)
    memory = "A" if operation.from_a else "S"
    aligned = kind in (Kind.CENTRE, Kind.NORM)
    reads = [(memory, operation.operands, lanes if keys else count, aligned)]
    if kind in (Kind.SCORE, Kind.INHIBIT):
        reads.append(("A", operation.scalars, count, kind is Kind.INHIBIT))
    if operation.add_residual:
        reads.append(("S", operation.residual, operation.immediate, True))
    if kind in (Kind.LINEAR, Kind.CLASSIFY):
        written = operation.immediate
    else:
        written = lanes if kind is Kind.SCORE or (kind is Kind.CENTRE and count == 0) else count
    return reads, ("A" if operation.to_a else "S", operation.destination, written)


def sound(operation: Operation) -> bool:
    """Whether it reads no row after writing it, which the programmer's model forbids."""
    reads, (memory, first, rows) = rows_of(operation)
    return all(
        m != memory or f + n <= first or first + rows <= f or (aligned and f == first)
        for m, f, n, aligned in reads
    )


@st.composite
def operations(draw: st.DrawFn, scored: bool) -> Operation:
    """One operation that stays inside memories and 24 bits; scored: there are minima to subtract."""
    kind = draw(
        st.sampled_from([Kind.LINEAR, Kind.CLASSIFY, Kind.SCORE, Kind.CENTRE, Kind.INHIBIT, Kind.NORM])
    )
    count = draw(st.integers(0 if kind is Kind.CENTRE else 1, 8 if kind is Kind.CENTRE else 40))
    weights, shift = kind in (Kind.LINEAR, Kind.CLASSIFY), draw(st.integers(0, 22))
    rows = 3 * draw(st.integers(1, 5)) if weights else SMALL.lanes if kind is Kind.SCORE else count or 8
    read = SMALL.lanes if kind is Kind.INHIBIT else count or 8
    to_a = {Kind.CLASSIFY: True, Kind.SCORE: False}.get(kind)
    to_a = draw(st.booleans()) if to_a is None else to_a
    from_a = weights or (kind is Kind.NORM and draw(st.booleans()))
    residual = kind is Kind.LINEAR and draw(st.booleans())
    centre = kind is Kind.CENTRE and scored and draw(st.booleans())
    relu = draw(st.booleans())
    immediate = {
        Kind.LINEAR: rows,
        Kind.CLASSIFY: rows,
        # Scores are not negative.
        Kind.SCORE: draw(st.integers(-(1 << 15), 0)) if relu else 0,
        Kind.CENTRE: draw(st.integers(-(1 << 15), (1 << 15) - 1)),
    }.get(kind, 0)

    def place(in_a: bool, size: int) -> int:
        return draw(st.integers(0, (SMALL.rows_a if in_a else SMALL.rows_s) - size))

    return Operation(
        kind,
        from_a=from_a,
        to_a=to_a,
        to_s=not to_a,
        add_residual=residual,
        relu=relu and kind is not Kind.CLASSIFY,
        centre=centre,
        mask=kind in (Kind.SCORE, Kind.CENTRE) and draw(st.booleans()),
        signed=draw(st.booleans()),
        bits=8 if to_a else 16 if kind is Kind.SCORE else draw(st.integers(8, 16)),
        shift=0 if centre or kind is Kind.CLASSIFY else shift,
        scalars=place(True, count),
        operands=place(from_a, read),
        destination=place(to_a, rows),
        residual=place(False, rows) if residual else 0,
        immediate=immediate,
        count=count,
    )


@st.composite
def programs(draw: st.DrawFn) -> list[Operation]:
    """A load, some operations, and the end."""
    d = draw(st.sampled_from([1, 2, 5, 32]))
    first = draw(st.integers(0, SMALL.rows_s - d))
    shift, bits = draw(st.integers(0, 7)), draw(st.integers(8, 16))
    program = [Operation(Kind.LOAD, to_s=True, bits=bits, embed_shift=shift, count=d, destination=first)]
    for _ in range(draw(st.integers(1, 10))):
        program.append(draw(operations(any(o.kind is Kind.SCORE for o in program)).filter(sound)))
    return [*program, Operation(Kind.SEND, count=1), Operation(Kind.END)]


def cleared() -> list[Operation]:
    """Zeros into every row: S shifted to nothing, then A from S."""
    return [
        Operation(Kind.LOAD, to_s=True, count=1),
        Operation(Kind.CENTRE, to_s=True, relu=True, shift=23, count=SMALL.rows_s),
        *(
            Operation(Kind.CENTRE, to_a=True, destination=first, count=SMALL.rows_s)
            for first in range(0, SMALL.rows_a, SMALL.rows_s)
        ),
        Operation(Kind.SEND, count=1),
        Operation(Kind.END),
    ]


def with_weights(operations: list[Operation], seed: int) -> Program:
    """The program with random int8 weights and biases of 20 bits."""
    rng = np.random.default_rng(seed)
    streams, biases, counts = [np.zeros(0, np.uint16)], [np.zeros(0, np.uint32)], []
    for operation in operations:
        counts.append(0)
        if operation.kind not in (Kind.LINEAR, Kind.CLASSIFY):
            continue
        again = 3 if operation.kind is Kind.CLASSIFY else 1
        rows = operation.immediate // again
        weight = rng.integers(-127, 128, (rows, operation.count))
        weight = np.where(rng.random(weight.shape) < rng.choice([0.1, 0.6]), weight, 0).astype(np.int8)
        made = digits.encode(weight).entries
        biases.append(bias_words(rng.integers(-(1 << 19), 1 << 19, rows), made))
        for row in np.split(made, np.flatnonzero(made & digits.LAST) + 1)[:-1]:
            streams += [row, np.full(again - 1, digits.SKIP | digits.LAST, np.uint16)]
            counts[-1] += len(row) + again - 1
    memory = MemoryMap(operations[0].count, SMALL.lanes, 8, 1)
    return Program(
        SMALL, memory, tuple(operations), np.concatenate(streams), np.concatenate(biases), tuple(counts)
    )
