"""The head: the row engine with sentences in its lanes, and int8 weights of many digits."""

from __future__ import annotations

import cocotb
import numpy as np
import pytest
from streaming import BOTH, STRICT, Frame, Input, Streams

from hwsim import digits, ops
from hwsim.cosim import parameters
from hwsim.rtl import sources

pytestmark = pytest.mark.cocotb(
    toplevel="classify",
    sources=sources("classify"),
    parameters={"Lanes": [1, 4], "Inputs": 128},
    simulators=BOTH,
    build_args=STRICT,
)


@cocotb.test()
async def logits_of_sentences_side_by_side(dut):
    rng, lanes = np.random.default_rng(1), parameters()["Lanes"]
    frames = []
    for classes, width in ((2, 32), (12, 16), (12, 8)):
        x = rng.integers(-127, 128, (lanes, width)).astype(np.int8)
        weight = rng.integers(-127, 128, (classes, width)).astype(np.int8)
        bias = rng.integers(-(7 << 20), 7 << 20, classes).astype(np.int32)
        entries = digits.encode(weight).entries
        rows = np.cumsum(np.append(0, entries[:-1] & digits.LAST != 0))
        digit_stream = Input(entries, 9, bias[rows].tolist())
        frames.append(
            Frame({"s_axis_x": Input(x.T), "s_axis_w": digit_stream}, ops.classify(x, weight, bias).T)
        )
    await Streams(dut, ("s_axis_x", "s_axis_w"), 24, lanes).back_to_back(frames)
