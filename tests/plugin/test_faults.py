"""The cocotb parts see what is wrong with a design, and say where."""

from __future__ import annotations

import numpy as np
import pytest

from hwsim.cosim.stalls import bursts, pattern, randomly
from hwsim.cosim.words import from_words, to_words
from hwsim.errors import HwsimError
from hwsim.pytest_plugin.design import SIMULATORS

pytest_plugins = ["pytester"]

FAULTS = """
import numpy as np

async def three_beats(dut):
    bench = Bench(dut)
    source, sink = bench.source(), bench.sink(stalls=pattern("##."))
    await bench.reset()
    source.send([1, 2, 3], user=1)
    return bench, sink

async def compared(dut, *expected, **options):
    bench, sink = await three_beats(dut)
    board = Scoreboard(sink, bits=8)
    for values in expected:
        board.expect(np.array(values), "three", **options)
    await board.check(patience=50)

def fault(name):
    return pytest.mark.cocotb(plusargs=["+fault=" + name])

@cocotb.test()
@fault("drop")
async def drop(dut):
    await compared(dut, [1, 2, 3])

@cocotb.test()
@fault("change")
async def change(dut):
    await compared(dut, [1, 2, 3])

@cocotb.test()
@fault("lose")
async def lose(dut):
    await compared(dut, [1, 2, 3])

@cocotb.test()
@fault("unknown")
async def unknown(dut):
    await compared(dut, [1, 2, 3])

@cocotb.test()
async def value(dut):
    await compared(dut, [1, -2, 3])

@cocotb.test()
async def length(dut):
    await compared(dut, [1, 2])

@cocotb.test()
async def user(dut):
    await compared(dut, [1, 2, 3], user=[1, 1, 0])

@cocotb.test()
async def absent(dut):
    await compared(dut, [1, 2, 3], [4])

@cocotb.test()
async def unread(dut):
    bench, sink = await three_beats(dut)
    await bench.finish()

@cocotb.test()
async def unsent(dut):
    bench, sink = await three_beats(dut)
    sink.stalls = iter(lambda: True, False)
    await bench.finish()

@cocotb.test()
async def port(dut):
    Bench(dut).source("s_axis_x")
"""

SAID = {
    "drop": "m_axis_tvalid fell before tready came",
    "change": "m_axis changed under tvalid before tready: (2, 1, 0) to (253, 1, 0)",
    "lose": "m_axis, frame 0 (three): m_axis: no frame within 50 clocks; 2 beats of it arrived",
    "unknown": "m_axis_tdata is XXXXXXXX in cycle 2",
    "value": "m_axis, frame 0 (three), complete in cycle 8, beat 1, lane 0: "
    "expected -2, got 2 (1 of 3 values differ)",
    "length": "m_axis, frame 0 (three), complete in cycle 8: 3 beats; expected 2",
    "user": "m_axis, frame 0 (three), complete in cycle 8: tuser [1, 1, 1]; expected [1, 1, 0]",
    "absent": "m_axis, frame 1 (three): m_axis: no frame within 50 clocks; 0 beats of it arrived",
    "unread": "m_axis: 1 frames were left over at the end of the test",
    "unsent": "s_axis: 2 beats were never taken at the end of the test",
    "port": "slice has no port s_axis_x_tdata",
}


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_each_fault_is_named(run, module, simulator):
    module(FAULTS)
    result = run("--sim", simulator)
    # Verilator knows no X: there the value is only wrong.
    said = SAID if simulator == "icarus" else {k: v for k, v in SAID.items() if k != "unknown"}
    result.assert_outcomes(failed=len(SAID))
    assert [text for text in said.values() if f"Error: {text}\n" not in result.stdout.str()] == []


@pytest.mark.parametrize(
    ("bits", "lanes", "signed"), [(1, 9, False), (5, 3, True), (8, 1, True), (24, 7, True)]
)
def test_words_and_back(bits, lanes, signed):
    low, high = (-(1 << bits - 1), 1 << bits - 1) if signed else (0, 1 << bits)
    values = np.random.default_rng(0).integers(low, high, (20, lanes))
    words = to_words(values, bits)
    assert words[0] & ((1 << bits) - 1) == int(values[0, 0]) % (1 << bits)
    assert max(words) < 1 << bits * lanes
    assert (from_words(words, bits, lanes, signed) == values).all()


def test_one_lane_needs_no_second_axis():
    assert to_words([-1, 2], bits=4) == [15, 2]
    assert from_words([15, 2], bits=4).tolist() == [[-1], [2]]


def test_words_refuse_what_does_not_fit():
    with pytest.raises(HwsimError, match="does not fit a lane of 8 bits"):
        to_words([256], bits=8)


def test_stalls():
    assert [next(stall) for stall in [pattern("#..")] for _ in range(4)] == [True, False, False, True]
    many = [next(stall) for stall in [randomly(0.25)] for _ in range(4000)]
    assert 800 < sum(many) < 1200
    text = "".join(".#"[next(stall)] for stall in [bursts(3)] for _ in range(300))
    assert text[0] == "." and "####" not in text and "...." not in text and "###" in text and "..." in text
    for bad in ("", "###", "x."):
        with pytest.raises(ValueError, match="stall pattern"):
            pattern(bad)
