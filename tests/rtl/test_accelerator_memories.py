"""Full memories: every bank of the weights and of the biases, and every operation of the longest program."""

from __future__ import annotations

import numpy as np
from interpreter import Interpreter

from hwsim.accelerator import Kind, Machine, MemoryMap, Operation, Program, frame, total
from hwsim.accelerator.frame import REAL, REPORT
from hwsim.digits import DOUBLE, LAST, SIGN, SKIP
from hwsim.rtl.accelerator import Accelerator

LARGEST = Machine(8, 32, 131072, 16384, 1024)
ROWS, INPUTS, ENTRIES = 128, 32, 8
"""Rows of an operation, its inputs, entries of a row: 128 such operations fill the memories."""


def program() -> Program:
    """Linear operations from rows 0..31 of A to rows 128..255, as many as fit, and 890 others."""
    count = LARGEST.weight_depth // (ROWS * ENTRIES)
    linear = Operation(
        Kind.LINEAR, from_a=True, to_a=True, shift=13, destination=ROWS, immediate=ROWS, count=INPUTS
    )
    copy = Operation(Kind.CENTRE, to_a=True, count=INPUTS)
    last = [Operation(Kind.SEND, count=1), Operation(Kind.END)]
    load = Operation(Kind.LOAD, to_s=True, bits=8, count=INPUTS)
    rest = LARGEST.operations - count - len(last) - 1
    operations = [load, *[copy] * rest, *[linear] * count, *last]
    rng = np.random.default_rng(0)
    # Every bit of every bank changes: any input, or a skip, from the first one again by a doubling.
    shape = (count * ROWS, ENTRIES)
    entries = rng.integers(0, INPUTS, shape) | DOUBLE
    entries[:, 0] &= SKIP
    entries[rng.integers(0, 4, shape) == 0] = SKIP
    entries |= rng.integers(0, 2, shape) * SIGN
    entries[:, -1] |= LAST
    # Doubled up to seven times, so a start value of 15 bits; the bits that come later are above it.
    starts = rng.integers(-(1 << 14), 1 << 14, count * ROWS) & 0xFFFFFF
    biases = starts | rng.integers(0, 128, count * ROWS) << 24
    streams = (entries.ravel().astype(np.uint16), biases.astype(np.uint32))
    read = tuple(ROWS * ENTRIES * (one.kind is Kind.LINEAR) for one in operations)
    return Program(LARGEST, MemoryMap(INPUTS, LARGEST.lanes, 8, 1), tuple(operations), *streams, read)


def test_full_memories() -> None:
    made = program()
    assert len(made.operations) == LARGEST.operations
    assert (len(made.entries), len(made.biases)) == (LARGEST.weight_depth, LARGEST.bias_depth)
    placed = frame(np.ones((1, LARGEST.lanes), bool), LARGEST.lanes)
    rng = np.random.default_rng(1)
    octets = rng.integers(-127, 128, (placed.pairs, INPUTS, 4)).astype(np.int8)
    tags = np.full((placed.pairs, 1), REAL | REAL << 8, np.uint32)
    tags[0] |= REPORT
    beats = np.hstack([tags, octets.view("<u4")[..., 0]]).ravel()
    with Accelerator(made) as accelerator:
        done = accelerator.run(beats, placed)
    embedded = octets.astype(np.int64).reshape(placed.pairs, INPUTS, 2, 2).sum(axis=3)
    embedded = embedded.transpose(1, 0, 2).reshape(INPUTS, LARGEST.lanes)
    golden = Interpreter(LARGEST, placed, made.entries, made.biases)
    for operation, written in zip(made.operations[:-2], done.written, strict=False):
        expected = golden.run(operation, embedded)
        if operation.to_a:
            np.testing.assert_array_equal(written.rows.astype(np.int8), expected)
    assert done.cycles == total(made, placed)
