"""The norm: protocol on both simulators. Its values: `test_rtl_operators.py`."""

from __future__ import annotations

import cocotb
import numpy as np
import pytest
from streaming import BOTH, STALLS, STRICT, Frame, Input, Streams

from hwsim import ops
from hwsim.cosim import parameters
from hwsim.rtl import sources

pytestmark = pytest.mark.cocotb(
    toplevel="manhattan_norm",
    sources=sources("manhattan_norm"),
    parameters=[{"Lanes": 1, "Width": 32, "InWidth": 16}, {"Lanes": 4, "Width": 16, "InWidth": 8}],
    simulators=BOTH,
    build_args=STRICT,
)


def frame(rng: np.random.Generator, width: int) -> Frame:
    lanes, bits = parameters()["Lanes"], parameters()["InWidth"]
    scale = 2.0 ** rng.integers(0, bits - 1, (lanes, 1))
    x = np.clip(rng.normal(0, 1, (lanes, width)) * scale, -ops.largest(bits), ops.largest(bits)).astype(
        np.int64
    )
    return Frame({"s_axis": Input(x.T, bits)}, ops.manhattan_norm(x).T)


def frames(rng: np.random.Generator) -> list[Frame]:
    # The module counts its words: any length up to Width will do, powers of two and their neighbours.
    return [frame(rng, width) for width in (16, 1, 2, 3, 4, 15, parameters()["Width"])]


@cocotb.test()
@cocotb.parametrize(stalls=list(STALLS))
async def frames_back_to_back(dut, stalls):
    await Streams(dut, ("s_axis",), 8, parameters()["Lanes"], stalls).back_to_back(
        frames(np.random.default_rng(1))
    )


@cocotb.test()
async def a_reset_in_mid_frame_is_forgotten(dut):
    rng = np.random.default_rng(2)
    await Streams(dut, ("s_axis",), 8, parameters()["Lanes"]).reset_in_mid_frame(
        frame(rng, 16), frame(rng, 12)
    )
