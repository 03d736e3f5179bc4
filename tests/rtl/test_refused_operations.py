"""Operations of random bits at the whole accelerator: refused for what docs/accelerator.md says is wrong."""

from __future__ import annotations

import random

import cocotb
import numpy as np
import pytest
from cocotbext.axi import AxiResp
from test_accelerator_axi import STORED, TB

from hwsim.accelerator import Kind, Machine, Operation
from hwsim.rtl import sources
from hwsim.rtl.accelerator import CLEAR, CONTROL, PROGRAM, RUN

pytestmark = pytest.mark.cocotb(toplevel="accelerator", sources=sources("accelerator"), parameters=[STORED])
WEIGHTED, SCORED = (Kind.LINEAR, Kind.CLASSIFY), (Kind.SCORE, Kind.INHIBIT)


def senseless(operation: Operation) -> bool:
    """Whether its fields make no sense together."""
    kind, weighted = operation.kind, operation.kind in WEIGHTED
    return (
        (kind is not Kind.END and operation.count == 0 and kind is not Kind.CENTRE)
        or (weighted and not (operation.from_a and 0 < operation.immediate < 1 << 12))
        or (operation.from_a and not weighted and kind is not Kind.NORM)
        or (operation.add_residual and kind is not Kind.LINEAR)
        or (operation.centre and (kind is not Kind.CENTRE or operation.shift > 0))
        or (kind not in (Kind.END, Kind.SEND) and operation.to_a == operation.to_s)
        or (kind is Kind.CLASSIFY and (operation.shift > 0 or not operation.to_a))
        or operation.bits < 8
        or operation.shift > 23
    )


def outside(operation: Operation, machine: Machine) -> bool:
    """Whether rows that it reads or writes are outside a memory."""
    kind, count, a, s = operation.kind, operation.count, machine.rows_a, machine.rows_s
    every_key = kind is Kind.CENTRE and count == 0
    read = machine.lanes if every_key or kind is Kind.INHIBIT else count
    written = operation.immediate if kind in WEIGHTED else machine.lanes
    if kind not in (*WEIGHTED, Kind.SCORE) and not every_key:
        written = count
    reads = {
        Kind.LINEAR: [(operation.operands, read, a)],
        Kind.CLASSIFY: [(operation.operands, read, a)],
        Kind.SCORE: [(operation.operands, read, s), (operation.scalars, count, a)],
        Kind.CENTRE: [(operation.operands, read, s)],
        Kind.INHIBIT: [(operation.operands, read, s), (operation.scalars, count, a)],
        Kind.NORM: [(operation.operands, read, a if operation.from_a else s)],
        Kind.SEND: [(operation.scalars, 3 * count, a)],
    }.get(kind, [])
    if operation.add_residual:
        reads.append((operation.residual, written, s))
    writes = [(operation.destination, written, a)] * operation.to_a
    writes += [(operation.destination, written, s)] * operation.to_s
    return any(first + rows > size for first, rows, size in reads + writes)


def refusal(words: np.ndarray, machine: Machine) -> int:
    """The error that four words are answered with, or 0."""
    if words[0] & 15 > max(Kind):
        return 1
    operation = Operation.from_words(words)
    return 1 if senseless(operation) else 2 if outside(operation, machine) else 0


def drawn(rng: np.random.Generator) -> np.ndarray:
    """Four words: bits of any kind, or an operation that makes sense, mostly, wherever its rows are."""
    noise = rng.integers(0, 1 << 32, 4, np.uint32)
    if rng.random() < 0.3:
        return noise
    kind = Kind(rng.integers(1, 9))
    to_a = kind is Kind.CLASSIFY or bool(rng.integers(2))
    operation = Operation(
        kind,
        from_a=kind in WEIGHTED,
        to_a=to_a,
        to_s=not to_a,
        bits=int(rng.integers(8, 17)),
        scalars=int(rng.integers(1 << 12)),
        operands=int(rng.integers(1 << 12)),
        destination=int(rng.integers(1 << 12)),
        immediate=int(rng.integers(1, 1 << 12)),
        count=int(rng.integers(1, 1 << 12)),
    )
    return operation.words() | noise & np.array([0xFF000000, 0xF000F000, 0xF000F000, 0xF0000000], np.uint32)


@cocotb.test()
async def random_bits_are_refused_for_what_is_wrong_with_them(dut):
    tb = TB(dut, "none")
    await tb.bench.reset()
    rng = np.random.default_rng(random.getrandbits(32))
    seen = []
    while len(seen) < 200:
        words = drawn(rng)
        code = refusal(words, tb.machine)
        if code == 0:
            continue
        await tb.fill(CLEAR, [7])
        await tb.fill(PROGRAM, words)
        assert await tb.write(CONTROL, RUN) == AxiResp.OKAY
        assert await tb.error() == (code, 0), [hex(word) for word in words]
        await tb.abort(run=False)
        seen.append(code)
    assert min(seen.count(1), seen.count(2)) > 40
