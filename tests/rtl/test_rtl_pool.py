"""Pooling: protocol on both simulators, with short sentences sharing a pass."""

from __future__ import annotations

import cocotb
import numpy as np
import pytest
from streaming import BOTH, STALLS, STRICT, Frame, Input, Streams

from hwsim import ops
from hwsim.cosim import parameters
from hwsim.rtl import sources

pytestmark = pytest.mark.cocotb(
    toplevel="pool",
    sources=sources("pool"),
    parameters={"Lanes": [1, 4]},
    simulators=BOTH,
    build_args=STRICT,
)


def frame(rng: np.random.Generator, tokens: int, width: int) -> Frame:
    lanes = parameters()["Lanes"]
    x = rng.integers(-127, 128, (tokens, width)).astype(np.int8)
    # Each token belongs to the sentence of one lane, or to none; every lane has at least one.
    owner = rng.permutation(np.append(np.arange(lanes), rng.integers(-1, lanes, tokens - lanes)))
    member = owner[:, None] == np.arange(lanes)
    user = (member << np.arange(lanes)).sum(axis=1)
    expected = np.stack([ops.pool(x, member[:, lane]) for lane in range(lanes)])
    return Frame({"s_axis": Input(x.T.ravel(), 8, np.tile(user, width).tolist())}, expected.T)


@cocotb.test()
@cocotb.parametrize(stalls=list(STALLS), tokens=[4, 9])
async def frames_back_to_back(dut, stalls, tokens):
    dut.tokens_i.value = tokens
    rng = np.random.default_rng(1)
    await Streams(dut, ("s_axis",), 16, parameters()["Lanes"], stalls).back_to_back(
        [frame(rng, tokens, width) for width in (4, 1, 3)]
    )


@cocotb.test()
async def the_largest_sum_fits(dut):
    dut.tokens_i.value = 128
    lanes, low = parameters()["Lanes"], np.full((128, 1), -127, np.int8)
    everywhere = Input(low.ravel(), 8, (1 << lanes) - 1)
    await Streams(dut, ("s_axis",), 16, lanes).back_to_back(
        [Frame({"s_axis": everywhere}, np.full((1, lanes), ops.pool(low, np.ones(128, bool))[0]))]
    )


@cocotb.test()
async def a_reset_in_mid_frame_is_forgotten(dut):
    dut.tokens_i.value = 6
    rng = np.random.default_rng(2)
    await Streams(dut, ("s_axis",), 16, parameters()["Lanes"]).reset_in_mid_frame(
        frame(rng, 6, 5), frame(rng, 6, 3)
    )
