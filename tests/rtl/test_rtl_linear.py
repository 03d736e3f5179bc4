"""The sparse row engine: protocol on both simulators. Its values: `test_rtl_operators.py`."""

from __future__ import annotations

import cocotb
import numpy as np
import pytest
from streaming import BOTH, STALLS, STRICT, Frame, Input, Streams

from hwsim import digits, ops
from hwsim.cosim import parameters
from hwsim.rtl import sources

pytestmark = pytest.mark.cocotb(
    toplevel="linear",
    sources=sources("linear"),
    parameters=[{"Lanes": 1, "Inputs": 128, "AccWidth": 16}, {"Lanes": 4, "Inputs": 256, "AccWidth": 24}],
    simulators=BOTH,
    build_args=STRICT,
)


def frame(rng: np.random.Generator, inputs: int, outputs: int, density: float) -> Frame:
    lanes = parameters()["Lanes"]
    x = rng.integers(-127, 128, (lanes, inputs)).astype(np.int8)
    weight = rng.integers(-20, 21, (outputs, inputs)) * (rng.random((outputs, inputs)) < density)
    bias = rng.integers(-1000, 1001, outputs).astype(np.int32)
    entries = digits.encode(weight.astype(np.int8)).entries
    rows = np.cumsum(np.append(0, entries[:-1] & digits.LAST != 0))
    # Only the bias beside a row's last entry counts; elsewhere the port holds anything.
    user = np.where(entries & digits.LAST, bias[rows], rng.integers(0, 1000, len(entries)))
    return Frame(
        {
            "s_axis_x": Input(x.T),
            "s_axis_w": Input(entries, 9, [int(u) % (1 << parameters()["AccWidth"]) for u in user]),
        },
        ops.linear(x, weight.astype(np.int8), bias).T,
    )


def frames(rng: np.random.Generator) -> list[Frame]:
    # One input, a full store, long gaps with skips, a row without weights.
    store = parameters()["Inputs"]
    return [
        frame(rng, *sizes)
        for sizes in ((1, 2, 1.0), (store, 2, 0.02), (20, 5, 0.3), (3, 4, 0.0), (7, 3, 1.0))
    ]


def streams(dut, stalls: str = "randomly") -> Streams:
    return Streams(dut, ("s_axis_x", "s_axis_w"), parameters()["AccWidth"], parameters()["Lanes"], stalls)


@cocotb.test()
@cocotb.parametrize(stalls=list(STALLS))
async def frames_back_to_back(dut, stalls):
    await streams(dut, stalls).back_to_back(frames(np.random.default_rng(1)))


@cocotb.test()
async def a_reset_in_mid_frame_is_forgotten(dut):
    rng = np.random.default_rng(2)
    await streams(dut).reset_in_mid_frame(frame(rng, 9, 4, 0.5), frame(rng, 5, 3, 0.5))
