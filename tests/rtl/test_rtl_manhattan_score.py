"""The score: protocol on both simulators. Its values: `test_rtl_operators.py`."""

from __future__ import annotations

import cocotb
import numpy as np
import pytest
from streaming import BOTH, STALLS, STRICT, Frame, Input, Streams

from hwsim import ops
from hwsim.cosim import parameters
from hwsim.ops.manhattan_score import CENTRINGS
from hwsim.rtl import sources

pytestmark = pytest.mark.cocotb(
    toplevel="manhattan_score",
    sources=sources("manhattan_score"),
    parameters=[
        {"Lanes": 1, "HeadWidth": 8, "Keys": 8, "Centring": CENTRINGS.index("none")},
        {"Lanes": 4, "HeadWidth": 4, "Keys": 16, "Centring": CENTRINGS.index("min")},
    ],
    simulators=BOTH,
    build_args=STRICT,
)

SHIFT, DELTA = 1, 3
CONFIGURATIONS = ((0, 0), (0, 254), (2, 85), (5, 21845), (8, 1), (21, 10922), (31, 32767))


def frame(
    rng: np.random.Generator, keys: int, width: int, shift: int = SHIFT, delta: int = DELTA, far: bool = False
) -> Frame:
    lanes, centring = parameters()["Lanes"], CENTRINGS[parameters()["Centring"]]
    q = rng.integers(-127, 128, (lanes, width)).astype(np.int8)
    k = rng.integers(-127, 128, (keys, width)).astype(np.int8)
    if far:
        q[:], k[0], k[1:] = 127, 127, -127
    real = np.arange(keys) < rng.integers(1, keys + 1)
    # The operator has as many queries as keys: one call a query, which stands at every position.
    score = np.stack(
        [
            ops.manhattan_score(
                np.tile(query, (1, keys, 1)), k[None], real, shift, np.array([delta]), centring
            )[0, 0]
            for query in q
        ]
    )
    return Frame(
        {
            "s_axis_q": Input(q.T),
            "s_axis_k": Input(k.ravel(), 8, np.repeat(real, width).astype(int).tolist()),
        },
        score.T,
    )


def configure(dut, shift: int, delta: int) -> None:
    dut.shift_i.value, dut.delta_i.value = shift, delta


def streams(dut, stalls: str = "randomly") -> Streams:
    configure(dut, SHIFT, DELTA)
    return Streams(dut, ("s_axis_q", "s_axis_k"), 8, parameters()["Lanes"], stalls)


@cocotb.test()
@cocotb.parametrize(stalls=list(STALLS))
async def frames_back_to_back(dut, stalls):
    rng, chosen = np.random.default_rng(1), parameters()
    most = chosen["Keys"], chosen["HeadWidth"]
    await streams(dut, stalls).back_to_back(
        [frame(rng, *sizes) for sizes in ((5, 3), most, (1, 1), (8, 1), (1, 4))]
    )


@cocotb.test()
async def a_reset_in_mid_frame_is_forgotten(dut):
    rng = np.random.default_rng(2)
    await streams(dut).reset_in_mid_frame(frame(rng, 6, 4), frame(rng, 4, 2))


@cocotb.test()
async def every_configuration(dut):
    rng, keys, width = np.random.default_rng(3), 4, parameters()["HeadWidth"]
    ends = streams(dut)
    for shift, delta in CONFIGURATIONS:
        configure(dut, shift, delta)
        await ends.back_to_back([frame(rng, keys, width, shift, delta, far) for far in (False, True)])
