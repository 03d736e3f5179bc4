"""Full memories: every bank of weights and biases, every operation of the longest program, the last rows."""

from __future__ import annotations

import numpy as np
from interpreter import Interpreter

from hwsim.accelerator import Kind, Machine, MemoryMap, Operation, Program, frame, total
from hwsim.accelerator.frame import REAL, REPORT
from hwsim.accelerator.program import bias_words
from hwsim.digits import DOUBLE, LAST, SIGN, SKIP, encode
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


def assert_equal(made: Program, features: int) -> None:
    """Every row that goes to A, every logit, every cycle, on a frame of random features of all lanes."""
    machine = made.machine
    placed = frame(np.ones((1, machine.lanes), bool), machine.lanes)
    rng = np.random.default_rng(1)
    octets = rng.integers(-127, 128, (placed.pairs, features, 4)).astype(np.int8)
    tags = np.full((placed.pairs, 1), REAL | REAL << 8, np.uint32)
    tags[0] |= REPORT
    beats = np.hstack([tags, octets.view("<u4")[..., 0]]).ravel()
    with Accelerator(made) as accelerator:
        # A full memory is forgotten and filled again.
        accelerator.load(made)
        done = accelerator.run(beats, placed)
    embedded = octets.astype(np.int64).reshape(placed.pairs, features, 2, 2).sum(axis=3)
    embedded = embedded.transpose(1, 0, 2).reshape(features, machine.lanes)
    golden = Interpreter(machine, placed, made.entries, made.biases)
    for operation, written in zip(made.operations[:-2], done.written, strict=False):
        expected = golden.run(operation, embedded)
        if operation.to_a and operation.kind is not Kind.LOAD:
            np.testing.assert_array_equal(written.rows.astype(np.int8), expected, err_msg=str(operation))
    send = made.operations[-2]
    low, middle, high = (golden.a[send.scalars + byte :: 3, 0][: send.count] for byte in range(3))
    np.testing.assert_array_equal(done.logits[0], (low & 255) | (middle & 255) << 8 | high << 16)
    assert done.cycles == total(made, placed)


def test_full_memories() -> None:
    made = program()
    assert len(made.operations) == LARGEST.operations
    assert (len(made.entries), len(made.biases)) == (LARGEST.weight_depth, LARGEST.bias_depth)
    assert_equal(made, INPUTS)


FAR = Machine(8, 256, 65536, 4096, 64)
LOGITS = 341


def far_program() -> Program:
    """Every operation as long as the memories of the largest width let it be, and up to their last rows."""
    linear = {"from_a": True, "count": 1024, "shift": 1}
    end_a = FAR.rows_a - 3 * LOGITS
    operations = [
        Operation(Kind.LOAD, to_a=True, count=2048),
        Operation(Kind.NORM, from_a=True, to_s=True, shift=11, operands=1024, count=1024),
        Operation(Kind.NORM, from_a=True, to_a=True, shift=11, count=2048),
        Operation(Kind.SCORE, to_s=True, bits=16, shift=6, scalars=1048, operands=24, count=1000),
        Operation(Kind.CENTRE, to_s=True, bits=16, centre=True, destination=1016),
        Operation(Kind.INHIBIT, to_a=True, signed=True, shift=1, operands=1016, count=2048),
        Operation(Kind.CENTRE, to_a=True, destination=1024, immediate=-32768, shift=9, count=1024),
        Operation(Kind.LINEAR, to_a=True, destination=1024, immediate=1024, **linear),
        Operation(Kind.LINEAR, to_a=True, operands=1024, immediate=1024, **linear),
        Operation(
            Kind.LINEAR, from_a=True, to_s=True, add_residual=True, bits=16, immediate=1024, count=2048
        ),
        Operation(Kind.CLASSIFY, from_a=True, to_a=True, destination=end_a, immediate=3 * LOGITS, count=1024),
        Operation(Kind.SEND, scalars=end_a, count=LOGITS),
        Operation(Kind.END),
    ]
    rng = np.random.default_rng(2)
    streams, biases, counts = [], [], []
    for operation in operations:
        counts.append(0)
        if operation.kind not in (Kind.LINEAR, Kind.CLASSIFY):
            continue
        again = 3 if operation.kind is Kind.CLASSIFY else 1
        rows = operation.immediate // again
        weight = np.zeros((rows, operation.count), np.int8)
        # The last input of the first row, then two of them a row, or so.
        weight[0, -1] = 1
        for _ in range(2):
            weight[np.arange(rows), rng.integers(0, operation.count, rows)] = rng.choice([-1, 1], rows)
        made = encode(weight).entries
        biases.append(bias_words(rng.integers(-(1 << 8), 1 << 8, rows), made))
        for row in np.split(made, np.flatnonzero(made & LAST) + 1)[:-1]:
            streams += [row, np.full(again - 1, SKIP | LAST, np.uint16)]
            counts[-1] += len(row) + again - 1
    memory = MemoryMap(FAR.width, FAR.lanes, 8, LOGITS)
    entries = np.concatenate(streams)
    return Program(FAR, memory, tuple(operations), entries, np.concatenate(biases), tuple(counts))


def test_last_rows_of_the_largest_memories() -> None:
    made = far_program()
    assert_equal(made, made.operations[0].count)
