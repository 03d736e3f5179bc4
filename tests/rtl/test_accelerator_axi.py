"""The accelerator at its ports: AXI-Lite, streams that stall, resets, frames and programs that are none."""

from __future__ import annotations

from itertools import chain

import cocotb
import numpy as np
import pytest
from cocotb.triggers import FallingEdge, with_timeout
from cocotbext.axi import (
    AxiLiteBus,
    AxiLiteMaster,
    AxiResp,
    AxiStreamBus,
    AxiStreamFrame,
    AxiStreamSink,
    AxiStreamSource,
)

from hwsim import ModelConfig, forward, random_ticket
from hwsim.accelerator import Kind, Machine, Operation, compile_ticket, frame, total
from hwsim.accelerator.frame import REAL, REPORT
from hwsim.cosim import Bench, bursts, never, parameters, randomly
from hwsim.make import random_tokens
from hwsim.rtl import sources
from hwsim.rtl.accelerator import ABORT, BIASES, CLEAR, CONTROL, PROGRAM, RUN, WEIGHTS

STORED = {"Lanes": 8, "Width": 32, "WeightDepth": 2048, "BiasDepth": 256, "Operations": 64}
STREAMED = STORED | {"Lanes": 16, "WeightDepth": 0}

pytestmark = pytest.mark.cocotb(
    toplevel="accelerator", sources=sources("accelerator"), parameters=[STORED, STREAMED]
)
with_both_kinds_of_weights = pytest.mark.cocotb(simulators=("verilator", "icarus"))
on_icarus_too = pytest.mark.cocotb(simulators=("verilator", "icarus"), parameters=[STORED])

IDENTITY, PARAMETERS, STATUS, CYCLES, STALLS, RUNS = 0x00, 0x04, 0x0C, 0x10, 0x14, 0x18
KINDS = {"none": never, "random": randomly, "bursts": bursts}
CONFIG = ModelConfig(
    vocabulary=20, max_tokens=8, width=16, heads=2, layers=1, hidden=8, classes=2, inner_norms=True
)


class TB:
    """An accelerator with a program, a source of frames (and of weights), and a sink of logits."""

    def __init__(self, dut, stalls: str = "random", own_streams: bool = True) -> None:
        self.dut, self.bench = dut, Bench(dut)
        chosen = parameters()
        self.machine = Machine(
            *(chosen[name] for name in ("Lanes", "Width", "WeightDepth", "BiasDepth", "Operations"))
        )
        if own_streams:
            self.source = self.bench.source("s_axis", KINDS[stalls]())
            self.weights = self.bench.source("s_axis_w", KINDS[stalls]())
            self.sink = self.bench.sink(stalls=KINDS[stalls]())
        else:
            dut.s_axis_tvalid.value = dut.s_axis_w_tvalid.value = dut.m_axis_tready.value = 0
        self.master = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axil"), dut.clk_i, dut.rst_ni, False)
        self.master.write_if.log.setLevel("WARNING")
        self.master.read_if.log.setLevel("WARNING")
        self.use(0)

    def use(self, seed: int) -> None:
        self.ticket = random_ticket(CONFIG, seed, 0.1)
        self.program = compile_ticket(self.ticket, self.machine)

    async def write(self, address: int, value: int) -> AxiResp:
        done = await with_timeout(self.master.write(address, int(value).to_bytes(4, "little")), 100, "us")
        return done.resp

    async def read(self, address: int) -> int:
        done = await with_timeout(self.master.read(address, 4), 100, "us")
        assert done.resp == AxiResp.OKAY
        return int.from_bytes(done.data, "little")

    async def fill(self, address: int, words) -> None:
        for word in words:
            assert await self.write(address, word) == AxiResp.OKAY

    async def load(self, operations=None, entries=None, biases=None) -> None:
        """Load the program, or another one, and let it run."""
        program = self.program
        words = np.concatenate([o.words() for o in operations]) if operations else program.words()
        assert await self.write(CONTROL, ABORT) == AxiResp.OKAY
        assert await self.write(CLEAR, 7) == AxiResp.OKAY
        await self.fill(PROGRAM, words)
        if not self.machine.streams_weights:
            await self.fill(WEIGHTS, program.entries if entries is None else entries)
        await self.fill(BIASES, program.biases if biases is None else biases)
        assert await self.write(CONTROL, RUN) == AxiResp.OKAY

    async def start(self) -> None:
        await self.bench.reset()
        await self.load()

    def send(self, seed: int, sentences: int = 1, tokens: int = 3):
        """Queue a frame (and its weights); returns (logits expected, frame)."""
        ids, mask = random_tokens(CONFIG, 8, seed)
        ids, mask = ids[-sentences:, :tokens], mask[-sentences:, :tokens]
        mask[:, 0] = True
        made = frame(mask, self.machine.lanes)
        self.source.send(made.beats(self.ticket, ids).tolist())
        self.send_weights()
        return forward(self.ticket, ids, mask).logits, made

    def send_weights(self) -> None:
        if self.machine.streams_weights:
            # Bits 15:9 of a beat mean nothing.
            noise = np.random.default_rng(0).integers(0, 128, len(self.program.entries)) << 9
            self.weights.send((self.program.entries | noise).tolist())

    async def expect(self, logits) -> None:
        for row in logits:
            data = (await self.sink.receive()).data
            assert [value - (value >> 31 << 32) for value in data] == row.tolist()

    async def abort(self, run: bool = True) -> None:
        """Stop at once; the program stays. The other ends of the streams forget what they have, too."""
        self.bench.in_reset = True
        await FallingEdge(self.dut.clk_i)
        for end in self.bench.ends:
            end.clear()
        assert await self.write(CONTROL, ABORT) == AxiResp.OKAY
        assert await self.read(STATUS) == 0
        self.bench.in_reset = False
        if run:
            assert await self.write(CONTROL, RUN) == AxiResp.OKAY

    async def error(self) -> tuple[int, int]:
        """(code, operation) once there is an error."""
        for _ in range(3000):
            await FallingEdge(self.dut.clk_i)
            if int(self.dut.error_o.value):
                break
        status = await self.read(STATUS)
        return status >> 8 & 15, status >> 16


@cocotb.test()
@cocotb.parametrize(stalls=list(KINDS))
@with_both_kinds_of_weights
async def back_to_back_frames_under_stalls(dut, stalls):
    tb = TB(dut, stalls)
    await tb.start()
    queued = [tb.send(1, 1), tb.send(2, 2), tb.send(3, 1, 8), tb.send(4, 1, 1)]
    for logits, _ in queued:
        await tb.expect(logits)
    await tb.bench.finish(40)
    assert await tb.read(RUNS) == len(queued)
    waited = await tb.read(STALLS)
    assert await tb.read(CYCLES) - waited == total(tb.program, queued[-1][1])
    assert (waited > 0) == (stalls != "none")


@cocotb.test()
@pytest.mark.cocotb(parameters=[STORED])
async def bits_of_an_operation_that_mean_nothing_are_passed_over(dut):
    tb = TB(dut)
    await tb.bench.reset()
    meaning = np.array([0x00FFFFFF, 0x0FFF0FFF, 0x0FFF0FFF, 0x0FFFFFFF], np.uint32)
    for seed in range(3):
        noise = np.random.default_rng(seed).integers(0, 1 << 32, (len(tb.program.operations), 4), np.uint32)
        words = tb.program.words().reshape(-1, 4) | noise & ~meaning
        await tb.load()
        assert await tb.write(CONTROL, ABORT) == AxiResp.OKAY
        assert await tb.write(CLEAR, 1) == AxiResp.OKAY
        await tb.fill(PROGRAM, words.ravel())
        assert await tb.write(CONTROL, RUN) == AxiResp.OKAY
        logits, _ = tb.send(seed)
        await tb.expect(logits)
        await tb.bench.clocks(60)


@cocotb.test()
async def registers_answer(dut):
    tb = TB(dut)
    for answers in (tb.master.read_if.r_channel, tb.master.write_if.b_channel):
        answers.set_pause_generator(randomly(0.6))
    await tb.bench.reset()
    assert await tb.read(IDENTITY) == 0x49574853
    said = await tb.read(PARAMETERS)
    wanted = [tb.machine.lanes, tb.machine.width, tb.machine.weight_depth or 1]
    wanted += [tb.machine.bias_depth, tb.machine.operations]
    assert [1 << (said & 15), *(1 << (said >> (4 + 5 * i) & 31) for i in range(4))] == wanted
    assert [await tb.read(register) for register in (CONTROL, STATUS, CYCLES, STALLS, RUNS)] == [0] * 5
    await tb.load()
    await tb.bench.clocks(20)
    assert await tb.read(CONTROL) == RUN
    assert await tb.read(STATUS) == 1


@cocotb.test()
async def writes_that_make_no_sense_are_refused_and_do_nothing(dut):
    tb = TB(dut)
    await tb.start()
    for address in (PROGRAM, WEIGHTS, BIASES, CLEAR):
        assert await tb.write(address, 7) == AxiResp.SLVERR  # it runs
    for address in (IDENTITY, STATUS, 0x1C, 0x30, 0xFC):
        assert await tb.write(address, RUN) == AxiResp.SLVERR
    done = await tb.master.write(CONTROL, bytes(2))
    assert done.resp == AxiResp.SLVERR
    for address in (0x1C, PROGRAM, 0xFC):
        assert (await tb.master.read(address, 4)).resp == AxiResp.SLVERR
    assert await tb.read(CONTROL) == RUN
    logits, _ = tb.send(5)
    await tb.expect(logits)


@cocotb.test()
@on_icarus_too
async def another_ticket_is_loaded(dut):
    tb = TB(dut)
    await tb.start()
    for seed in (1, 2):
        logits, _ = tb.send(6)
        await tb.expect(logits)
        await tb.bench.clocks(60)
        tb.use(seed)
        await tb.load()
    logits, _ = tb.send(6)
    await tb.expect(logits)


@cocotb.test()
@cocotb.parametrize(hard=[True, False])
@on_icarus_too
async def recovers_from_a_reset_or_an_abort_in_mid_sentence(dut, hard):
    tb = TB(dut)
    await tb.start()
    length = total(tb.program, tb.send(7, 1, 2)[1])
    for moment in np.linspace(5, length + 20, 6).astype(int):
        await tb.bench.clocks(int(moment))
        if hard:
            await tb.bench.reset(1)
            assert await tb.read(STATUS) == 0
            await tb.load()
        else:
            await tb.abort()
        logits, _ = tb.send(8 + int(moment), 1, 2)
        await tb.expect(logits)
        tb.send(7, 1, 2)


def feature_beats(lanes: int, report: bool = True) -> list[list[int]]:
    """A frame of lanes / 2 pairs, a list a pair."""
    tag = REAL | REAL << 8 | (REPORT if report else 0)
    return [[tag, *range(CONFIG.width)] for _ in range(lanes // 2)]


WRONG_FRAMES = {
    "ends on a tag": lambda lanes: [[REAL | REPORT]],
    "ends within a pair": lambda lanes: [feature_beats(2)[0][:-3]],
    "more pairs than lanes": lambda lanes: feature_beats(lanes + 2),
    "nobody to report to": lambda lanes: feature_beats(4, report=False),
}


@cocotb.test()
@cocotb.parametrize(what=list(WRONG_FRAMES))
async def a_wrong_frame_is_an_error_until_abort(dut, what):
    tb = TB(dut)
    await tb.start()
    tb.source.send([beat for pair in WRONG_FRAMES[what](tb.machine.lanes) for beat in pair])
    assert await tb.error() == (6, 0)
    await tb.bench.clocks(50)
    assert await tb.error() == (6, 0)
    await tb.abort()
    logits, _ = tb.send(9)
    await tb.expect(logits)


LOAD = Operation(Kind.LOAD, to_s=True, count=CONFIG.width)
END = Operation(Kind.END)
ROWS_A, ROWS_S = 8 * STORED["Width"], 4 * STORED["Width"]


def linear(**other) -> Operation:
    fields = {"from_a": True, "to_a": True, "immediate": 2, "count": 16, "destination": 20}
    return Operation(Kind.LINEAR, **(fields | other))


PROGRAMS = {
    "no end": ([LOAD], 3, 1),
    "nothing at all": ([], 3, 0),
    "no count": ([Operation(Kind.LOAD, to_s=True)], 1, 0),
    "written nowhere": ([LOAD, Operation(Kind.NORM, count=4)], 1, 1),
    "written twice": ([LOAD, Operation(Kind.NORM, to_a=True, to_s=True, count=4)], 1, 1),
    "too few bits": ([LOAD, Operation(Kind.NORM, to_a=True, bits=5, count=4)], 1, 1),
    "a shift too large": ([LOAD, Operation(Kind.NORM, to_a=True, shift=24, count=4)], 1, 1),
    "a centre that shifts": ([LOAD, Operation(Kind.CENTRE, to_s=True, centre=True, shift=1)], 1, 1),
    "a residual of a norm": ([LOAD, Operation(Kind.NORM, to_a=True, add_residual=True, count=4)], 1, 1),
    "no rows": ([LOAD, linear(immediate=0)], 1, 1),
    "operands behind S": ([LOAD, Operation(Kind.NORM, to_a=True, operands=ROWS_S - 3, count=4)], 2, 1),
    "operands behind A": ([LOAD, linear(operands=ROWS_A - 15)], 2, 1),
    "scalars behind A": ([LOAD, Operation(Kind.SCORE, to_s=True, scalars=ROWS_A - 3, count=4)], 2, 1),
    "rows behind A": ([LOAD, linear(destination=ROWS_A - 1)], 2, 1),
    "rows behind S": ([Operation(Kind.LOAD, to_s=True, destination=ROWS_S - 3, count=4)], 2, 0),
    "scores behind S": ([LOAD, Operation(Kind.SCORE, to_s=True, destination=ROWS_S - 7, count=4)], 2, 1),
    "residual behind S": (
        [LOAD, linear(to_a=False, to_s=True, add_residual=True, residual=ROWS_S - 1)],
        2,
        1,
    ),
    "logits behind A": ([LOAD, Operation(Kind.SEND, scalars=ROWS_A - 5, count=2)], 2, 1),
    "more rows than biases": ([LOAD, linear(immediate=5), END], 4, 1),
    "an entry behind the inputs": ([LOAD, linear(count=3), END], 5, 1),
}


@cocotb.test()
@on_icarus_too
async def malformed_programs_are_named_by_code_and_operation(dut):
    tb = TB(dut, "none")
    await tb.bench.reset()
    entries = [5 | 1 << 8, 4 | 1 << 8, *[1 << 8] * 10]
    for name, (operations, code, number) in PROGRAMS.items():
        if operations:
            await tb.load(operations, entries, biases=[1, 2])
        else:
            assert await tb.write(CLEAR, 7) == AxiResp.OKAY
            assert await tb.write(CONTROL, RUN) == AxiResp.OKAY
        tb.source.send(list(chain.from_iterable(feature_beats(4))))
        if tb.machine.streams_weights:
            tb.weights.send(entries)
        assert await tb.error() == (code, number), name
        await tb.abort(run=False)
    kind = np.array([15, 0, 0, 0])
    await tb.fill(CLEAR, [7])
    await tb.fill(PROGRAM, kind)
    assert await tb.write(CONTROL, RUN) == AxiResp.OKAY
    assert await tb.error() == (1, 0)


@cocotb.test()
async def missing_weights_are_an_error_when_stored(dut):
    tb = TB(dut, "none")
    await tb.bench.reset()
    if tb.machine.streams_weights:
        await tb.load()
        logits, _ = tb.send(10)
        await tb.expect(logits)
        return
    await tb.load(entries=tb.program.entries[:-1])
    tb.send(10)
    code, number = await tb.error()
    assert code == 4 and tb.program.operations[number].kind is Kind.CLASSIFY


@cocotb.test()
async def works_with_the_streams_of_cocotbext_axi(dut):
    """Another's AXI-Stream models, so that our own drivers and our module do not share one misreading."""
    tb = TB(dut, own_streams=False)
    clock = dut.clk_i, dut.rst_ni, False
    await tb.start()
    source = AxiStreamSource(AxiStreamBus.from_prefix(dut, "s_axis"), *clock, byte_lanes=4)
    sink = AxiStreamSink(AxiStreamBus.from_prefix(dut, "m_axis"), *clock, byte_lanes=4)
    source.set_pause_generator(randomly(0.3))
    sink.set_pause_generator(randomly(0.3))
    if tb.machine.streams_weights:
        weights = AxiStreamSource(AxiStreamBus.from_prefix(dut, "s_axis_w"), *clock, byte_lanes=2)
        weights.set_pause_generator(randomly(0.2))
    for seed in (1, 2):
        ids, mask = random_tokens(CONFIG, 2, seed)
        ids, mask = ids[1:, :4], mask[1:, :4]
        beats = frame(mask, tb.machine.lanes).beats(tb.ticket, ids)
        await source.send(AxiStreamFrame(beats.astype("<u4").tobytes()))
        if tb.machine.streams_weights:
            await weights.send(AxiStreamFrame(tb.program.entries.astype("<u2").tobytes()))
        received = await with_timeout(sink.recv(), 200, "us")
        got = np.frombuffer(bytes(received.tdata), "<i4")
        assert got.tolist() == forward(tb.ticket, ids, mask).logits[0].tolist()
