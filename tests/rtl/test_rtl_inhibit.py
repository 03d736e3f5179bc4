"""Inhibition: protocol on both simulators. Its values: `test_rtl_operators.py`."""

from __future__ import annotations

import cocotb
import numpy as np
import pytest
from streaming import BOTH, STALLS, STRICT, Frame, Input, Streams

from hwsim import ops
from hwsim.cosim import parameters
from hwsim.rtl import sources

pytestmark = pytest.mark.cocotb(
    toplevel="inhibit",
    sources=sources("inhibit"),
    parameters=[
        {"Lanes": 1, "Keys": 8, "Bits": 8, "Signed": 0},
        {"Lanes": 4, "Keys": 16, "Bits": 16, "Signed": 1},
    ],
    simulators=BOTH,
    build_args=STRICT,
)

SHIFT = 1


def frame(rng: np.random.Generator, keys: int, width: int, shift: int = SHIFT, all_of: int = 0) -> Frame:
    lanes, chosen = parameters()["Lanes"], parameters()
    v = rng.integers(-127, 128, (keys, width)).astype(np.int8)
    score = rng.integers(0, 128, (lanes, keys)).astype(np.int8)
    if all_of:
        v[:, :2], score[:] = (all_of, -all_of), 0
    # The operator has as many queries as keys: one call a query, which stands at every position.
    g = [
        ops.inhibit(v, np.tile(row, (keys, 1)), shift, bool(chosen["Signed"]), chosen["Bits"])[0]
        for row in score
    ]
    return Frame({"s_axis_z": Input(score.T), "s_axis_v": Input(v.T.ravel())}, np.stack(g).T)


def streams(dut, stalls: str = "randomly") -> Streams:
    dut.shift_i.value = SHIFT
    return Streams(dut, ("s_axis_z", "s_axis_v"), parameters()["Bits"], parameters()["Lanes"], stalls)


@cocotb.test()
@cocotb.parametrize(stalls=list(STALLS))
async def frames_back_to_back(dut, stalls):
    rng, most = np.random.default_rng(1), parameters()["Keys"]
    await streams(dut, stalls).back_to_back(
        [frame(rng, *sizes) for sizes in ((5, 4), (most, 8), (1, 1), (1, 9), (8, 1))]
    )


@cocotb.test()
async def a_reset_in_mid_frame_is_forgotten(dut):
    rng = np.random.default_rng(2)
    await streams(dut).reset_in_mid_frame(frame(rng, 6, 5), frame(rng, 4, 3))


@cocotb.test()
async def every_shift(dut):
    rng, most = np.random.default_rng(3), parameters()["Keys"]
    ends = streams(dut)
    for shift in (0, 2, 5, 8, 16, 31):
        dut.shift_i.value = shift
        await ends.back_to_back([frame(rng, most, 4, shift, all_of) for all_of in (0, 127)])
