"""The cocotb parts on a register slice: stalls, frames, tuser, reset in mid-frame, on both simulators."""

from __future__ import annotations

import random

import cocotb
import numpy as np
import pytest

from hwsim.cosim import Bench, Scoreboard, bursts, never, parameters, pattern, randomly, to_words

pytestmark = pytest.mark.cocotb(
    toplevel="slice",
    sources="designs/slice.v",
    parameters={"Width": [8, 72]},
    simulators=["verilator", "icarus"],
    build_args={"icarus": ["-g2012", "-Wall"]},
)

STALLS = {"never": never, "randomly": randomly, "bursts": bursts, "pattern": lambda: pattern("##.#")}


@cocotb.test()
@cocotb.parametrize(before=list(STALLS), after=list(STALLS))
async def frames_come_out_as_they_went_in(dut, before, after):
    bench = Bench(dut)
    source, sink = bench.source(stalls=STALLS[before]()), bench.sink(stalls=STALLS[after]())
    await bench.reset()
    board = Scoreboard(sink, bits=8, lanes=parameters()["Width"] // 8)
    rng = np.random.default_rng(random.getrandbits(32))
    for beats in (1, 1, 2, 9, 1):
        values = rng.integers(-128, 128, (beats, parameters()["Width"] // 8))
        user = rng.integers(0, 2, beats).tolist()
        source.send(to_words(values, bits=8), user)
        board.expect(values, f"{beats} beats", user)
    await board.check()
    assert board.frames == 5
    if before == after == "never":
        # No bubble: 14 beats in 14 clocks, one clock through the slice, and the wait of 20.
        assert bench.cycle == 14 + 1 + 20


@cocotb.test()
async def a_reset_in_mid_frame_forgets_the_frame(dut):
    bench = Bench(dut)
    source, sink = bench.source(stalls=pattern("...#")), bench.sink(stalls=randomly())
    for clocks in range(1, 9):
        await bench.reset()
        source.send(range(200, 208))
        await bench.clocks(clocks)
        await bench.reset()
        source.send([1, 2, 3])
        assert (await sink.receive()).data == [1, 2, 3]
        await bench.finish()


@cocotb.test()
async def drained_means_taken(dut):
    bench = Bench(dut)
    source, sink = bench.source(), bench.sink(stalls=pattern("#####."))
    await bench.reset()
    for frame in ([1, 2, 3], [4]):
        source.send(frame)
        assert source.left_over()
        await source.drained()
        assert not source.left_over()
    assert [(await sink.receive()).data for _ in range(2)] == [[1, 2, 3], [4]]
