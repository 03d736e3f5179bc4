"""Protocol tests of the streaming head: stalls, back-to-back frames, reset and errors, on both simulators."""

from __future__ import annotations

import cocotb
import numpy as np
import pytest
from cocotb.triggers import FallingEdge, ReadOnly
from cocotbext.axi import AxiStreamBus, AxiStreamFrame, AxiStreamSink, AxiStreamSource
from random_heads import Head, random_head

from hwsim.cosim import Bench, Scoreboard, bursts, from_words, never, parameters, randomly, to_words
from hwsim.ops.manhattan_score import CENTRINGS
from hwsim.rtl import sources

pytestmark = pytest.mark.cocotb(
    toplevel="inhibitor_head",
    sources=sources("inhibitor_head"),
    simulators=("verilator", "icarus"),
    parameters=[
        {"HeadWidth": 8, "MaxTokens": 8, "OutWidth": 8, "Centring": 0},
        {"HeadWidth": 4, "MaxTokens": 16, "OutWidth": 16, "Centring": 2},
    ],
)

STALLS = {"none": never, "random": randomly, "bursts": bursts}


class TB:
    """The head with a source, a sink, a scoreboard, and a recorder of its score monitor."""

    def __init__(self, dut, stalls: str = "random") -> None:
        self.dut, self.bench = dut, Bench(dut)
        chosen = parameters()
        self.width, self.most, self.bits = chosen["HeadWidth"], chosen["MaxTokens"], chosen["OutWidth"]
        self.centring = CENTRINGS[chosen["Centring"]]
        self.rng = np.random.default_rng(cocotb.RANDOM_SEED)
        self.source = self.bench.source(stalls=STALLS[stalls]())
        self.sink = self.bench.sink(stalls=STALLS[stalls]())
        self.scores: list[int] = []
        self.expected_scores: list[int] = []

    async def start(self) -> None:
        self.configure(self.head(1))
        await self.reset()
        cocotb.start_soon(self._record())

    async def reset(self) -> None:
        """Reset, and expect nothing of what was sent before."""
        await self.bench.reset()
        self.board = Scoreboard(self.sink, self.bits, self.width)
        self.scores.clear()
        self.expected_scores.clear()

    async def _record(self) -> None:
        while True:
            await FallingEdge(self.dut.clk_i)
            await ReadOnly()
            if self.dut.score_valid_o.value == 1:
                self.scores.append(int(self.dut.score_o.value))

    def head(self, tokens: int | None = None, real: int | None = None) -> Head:
        return random_head(self.rng, tokens or int(self.rng.integers(1, self.most + 1)), self.width, real)

    def configure(self, head: Head) -> None:
        self.dut.score_shift_i.value = head.score_shift
        self.dut.delta_i.value = head.delta
        self.dut.inhibit_shift_i.value = head.inhibit_shift
        self.dut.signed_i.value = int(head.signed)

    def send(self, head: Head, name: str = "") -> None:
        """Queue a frame and what must come of it. The configuration ports are the caller's affair."""
        self.source.send(to_words(head.k, 8), head.mask.astype(int).tolist())
        self.source.send(to_words(head.v, 8))
        self.source.send(to_words(head.q, 8))
        score, output = head.expected(self.centring, self.bits)
        self.board.expect(output, name or f"{head.tokens} tokens, {head.mask.sum()} real")
        self.expected_scores += score.ravel().tolist()

    async def check(self) -> None:
        await self.board.check()
        assert self.scores == self.expected_scores
        assert self.dut.error_o.value == 0


@cocotb.test()
@cocotb.parametrize(stalls=list(STALLS))
async def every_length_each_with_its_own_configuration(dut, stalls):
    tb = TB(dut, stalls)
    await tb.start()
    lengths = [1, tb.most, 2, *tb.rng.permutation(np.arange(1, tb.most + 1)).tolist()]
    for tokens in lengths:
        head = tb.head(tokens)
        tb.configure(head)
        tb.send(head)
        await tb.source.drained()
    await tb.check()


@cocotb.test()
@cocotb.parametrize(stalls=list(STALLS))
async def back_to_back_frames_of_different_lengths_and_masks(dut, stalls):
    tb = TB(dut, stalls)
    await tb.start()
    shared = tb.head(1)
    tb.configure(shared)
    for tokens, real in ((3, 3), (tb.most, 1), (1, 1), (tb.most, tb.most), (5, 2), (4, 1)):
        head = tb.head(tokens, real)
        tb.send(
            Head(
                *(head.q, head.k, head.v, head.mask),
                *(shared.delta, shared.score_shift, shared.inhibit_shift, shared.signed),
            )
        )
    await tb.check()


@cocotb.test()
async def configuration_is_sampled_with_the_first_key(dut):
    tb = TB(dut)
    await tb.start()
    for _ in range(4):
        head = tb.head()
        tb.configure(head)
        tb.send(head)
        taken = False
        while not taken:
            await FallingEdge(dut.clk_i)
            await ReadOnly()
            taken = dut.s_axis_tvalid.value == 1 and dut.s_axis_tready.value == 1
        await FallingEdge(dut.clk_i)
        tb.configure(tb.head())
        await tb.source.drained()
    await tb.check()


@cocotb.test()
async def without_a_real_key_the_rows_are_zero(dut):
    tb = TB(dut)
    await tb.start()
    head = tb.head(4)
    tb.source.send(to_words(head.k, 8), 0)
    tb.source.send(to_words(head.v, 8))
    tb.source.send(to_words(head.q, 8))
    tb.board.expect(np.zeros((4, tb.width), int))
    tb.expected_scores += [127] * 16
    await tb.check()


@cocotb.test()
@cocotb.parametrize(stalls=["none", "random"])
async def recovers_from_a_reset_at_any_time(dut, stalls):
    """From the first key to the last row, and a little after."""
    tb = TB(dut, stalls)
    await tb.start()
    n = tb.most - 1
    for clocks in range(1, n * n + 3 * n + 9, 1 + tb.most // 2):
        tb.send(tb.head(n))
        await tb.bench.clocks(clocks)
        await tb.reset()
        head = tb.head(3)
        tb.configure(head)
        tb.send(head, f"after a reset {clocks} clocks into a frame")
        await tb.check()


WRONG = {
    "keys too long": lambda n, most: (most + 1, 1, 1),
    "values too short": lambda n, most: (n, n - 1, n),
    "values too long": lambda n, most: (n, n + 1, n),
    "queries too short": lambda n, most: (n, n, n - 1),
    "queries too long": lambda n, most: (n, n, n + 1),
}


@cocotb.test()
@cocotb.parametrize(what=list(WRONG))
async def a_wrong_frame_sets_the_error_until_reset(dut, what):
    tb = TB(dut)
    await tb.start()
    good = tb.head(4)
    tb.configure(good)
    tb.send(good, "before the error")
    await tb.source.drained()
    for length in WRONG[what](4, tb.most):
        tb.source.send(to_words(np.zeros((length, tb.width), int), 8), 1)
    for _ in range(1000):
        await FallingEdge(dut.clk_i)
        await ReadOnly()
        if dut.error_o.value == 1:
            break
    assert dut.error_o.value == 1
    for _ in range(40):
        await FallingEdge(dut.clk_i)
        await ReadOnly()
        assert dut.error_o.value == 1 and dut.s_axis_tready.value == 0

    # What was good still comes out whole.
    before = await tb.sink.receive()
    assert (from_words(before.data, tb.bits, tb.width) == good.expected(tb.centring, tb.bits)[1]).all()
    await FallingEdge(dut.clk_i)
    await tb.reset()
    head = tb.head()
    tb.configure(head)
    tb.send(head, "after the error")
    await tb.check()


@cocotb.test()
async def measured_cycles_are_those_of_the_formula(dut):
    tb = TB(dut, "none")
    await tb.start()
    for tokens in range(1, tb.most + 1):
        await tb.bench.clocks(5)
        head = tb.head(tokens)
        tb.configure(head)
        await FallingEdge(dut.clk_i)
        start = tb.bench.cycle + 1
        frames = 3
        for _ in range(frames):
            tb.send(head)
        ends = [(await tb.sink.receive()).cycle for _ in range(frames)]
        n = tokens
        assert np.diff(ends).tolist() == [n * n + 2 * n + 6] * (frames - 1)
        assert ends[0] - start + 1 == n * n + 3 * n + 7, (n, start, ends)
    await tb.bench.finish()


@cocotb.test()
async def works_with_the_streams_of_cocotbext_axi(dut):
    """Another's AXI-Stream models, so that our own drivers and our module do not share one misreading."""
    width, bits = parameters()["HeadWidth"], parameters()["OutWidth"]
    rng = np.random.default_rng(cocotb.RANDOM_SEED)
    Bench(dut)
    dut.s_axis_tvalid.value = 0
    dut.m_axis_tready.value = 0
    clock = dut.clk_i, dut.rst_ni, False
    source = AxiStreamSource(AxiStreamBus.from_prefix(dut, "s_axis"), *clock, byte_lanes=width)
    sink = AxiStreamSink(AxiStreamBus.from_prefix(dut, "m_axis"), *clock, byte_lanes=width * bits // 8)
    source.set_pause_generator(randomly(0.3))
    sink.set_pause_generator(randomly(0.3))
    for _ in range(3):
        await FallingEdge(dut.clk_i)
    dut.rst_ni.value = 1
    for _ in range(4):
        head = random_head(rng, int(rng.integers(1, 9)), width)
        dut.score_shift_i.value, dut.delta_i.value = head.score_shift, head.delta
        dut.inhibit_shift_i.value, dut.signed_i.value = head.inhibit_shift, int(head.signed)
        for values, user in ((head.k, head.mask), (head.v, head.mask), (head.q, head.mask)):
            users = np.repeat(user.astype(int), width).tolist()
            await source.send(AxiStreamFrame(values.tobytes(), tuser=users))
        frame = await sink.recv()
        got = np.frombuffer(bytes(frame.tdata), f"<i{bits // 8}").reshape(-1, width)
        assert (got == head.expected(CENTRINGS[parameters()["Centring"]], bits)[1]).all()
    assert sink.empty() and source.idle()
