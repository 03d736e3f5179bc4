"""Bulk equivalence of the Verilog head with the emulator, through the C++ loop."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
from random_heads import Head, random_head

from hwsim import sizes
from hwsim.errors import HwsimError
from hwsim.ops.manhattan_score import CENTRINGS
from hwsim.rtl import sources
from hwsim.rtl.heads import Frame, run_head
from hwsim.rtl.lanes import unpack
from hwsim.rtl.sim import Simulation, build


def start(width: int, tokens: int, bits: int = 8, centring: str = "min") -> Simulation:
    parameters = {
        "HeadWidth": width,
        "MaxTokens": tokens,
        "OutWidth": bits,
        "Centring": CENTRINGS.index(centring),
    }
    simulation = build("inhibitor_head", sources("inhibitor_head"), parameters)
    simulation.reset()
    return simulation


def run(simulation: Simulation, head: Head, bits: int, stalls: int | None) -> Frame:
    return run_head(
        simulation,
        head.q,
        head.k,
        head.v,
        head.mask,
        head.delta,
        score_shift=head.score_shift,
        inhibit_shift=head.inhibit_shift,
        signed=head.signed,
        bits=bits,
        stalls=stalls,
    )


def check(simulation: Simulation, head: Head, bits: int, centring: str, stalls: int | None) -> None:
    frame, (score, output) = run(simulation, head, bits, stalls), head.expected(centring, bits)
    assert np.array_equal(frame.score, score), head
    assert np.array_equal(frame.output, output), head
    assert frame.output.dtype == output.dtype
    if stalls is None:
        assert frame.cycles == head.tokens**2 + 3 * head.tokens + 7


@pytest.mark.parametrize(
    "width, tokens, bits, centring",
    [(4, 8, 8, "min"), (4, 8, 16, "none"), (8, 16, 8, "none"), (8, 16, 16, "min")],
)
def test_2500_random_small_heads(width: int, tokens: int, bits: int, centring: str) -> None:
    """Four times 2,500 heads of one to eight tokens; every other one is stalled on both sides."""
    rng = np.random.default_rng([width, tokens, bits])
    simulation = start(width, tokens, bits, centring)
    for i in range(2500):
        head = random_head(rng, int(rng.integers(1, 9)), width)
        check(simulation, head, bits, centring, i if i % 2 else None)


def test_frames_back_to_back() -> None:
    """Frames of all lengths with no pause between, in one transaction, with sixty patterns of stalls."""
    rng = np.random.default_rng(7)
    simulation = start(4, 8)
    for stalls in (None, *range(60)):
        shared = random_head(rng, 1, 4)
        config = {name: getattr(shared, name) for name in ("delta", "score_shift", "inhibit_shift", "signed")}
        heads = [dataclasses.replace(random_head(rng, int(n), 4), **config) for n in rng.integers(1, 9, 6)]
        simulation.set(**{f"{name}_i": int(value) for name, value in config.items()})
        beats = {
            "tdata": np.concatenate([x for head in heads for x in (head.k, head.v, head.q)]),
            "tuser": np.concatenate([head.mask for head in heads for _ in range(3)]),
            "tlast": np.concatenate(
                [np.arange(head.tokens) == head.tokens - 1 for head in heads for _ in range(3)]
            ),
        }
        done = simulation.stream({"s_axis": beats}, len(heads), {"score_o": "score_valid_o"}, stalls)
        scores, rows = zip(*(head.expected("min", 8) for head in heads), strict=True)
        assert np.array_equal(unpack(done.data.rows, 4, 8), np.concatenate(rows)), f"stalls {stalls}"
        assert np.array_equal(
            done.monitors["score_o"].rows.ravel(), np.concatenate([score.ravel() for score in scores])
        )
        assert done.last.nonzero()[0].tolist() == (np.cumsum([head.tokens for head in heads]) - 1).tolist()


SIZES = ((4, 128), (8, 64), (16, 32), (32, 16), (64, 8), (64, 128))
"""(HeadWidth, MaxTokens): each published size of either occurs."""


def test_the_swept_sizes_are_the_published_ones() -> None:
    assert {width for width, _ in SIZES} == set(sizes.HEAD_WIDTHS)
    assert {tokens for _, tokens in SIZES} == set(sizes.RTL_MAX_TOKENS)


@pytest.mark.parametrize("width, most", SIZES)
def test_sizes(width: int, most: int) -> None:
    """One token, all, all of them padding but one, some; and the largest sums there can be."""
    rng = np.random.default_rng([width, most])
    simulation = start(width, most)
    for tokens, real in ((1, 1), (most, most), (most, 1), (most - 1, None), (most // 2 + 1, None)):
        for stalls in (None, tokens):
            check(simulation, random_head(rng, tokens, width, real), 8, "min", stalls)
    far = np.full((most, width), 127, np.int8)
    for sign in (1, -1):
        head = Head(sign * far, -sign * far, sign * far, np.arange(most) < most, 0, 0, 7, signed=True)
        check(simulation, head, 8, "min", None)


@pytest.mark.parametrize(
    "parameters, message",
    [
        ({"HeadWidth": 12}, "refuses_head_width_other_than_4_8_16_32_64"),
        ({"HeadWidth": 128}, "refuses_head_width_other_than_4_8_16_32_64"),
        ({"MaxTokens": 48}, "refuses_max_tokens_other_than_8_16_32_64_128"),
        ({"MaxTokens": 256}, "refuses_max_tokens_other_than_8_16_32_64_128"),
        ({"OutWidth": 12}, "refuses_out_width_other_than_8_and_16"),
        ({"Centring": CENTRINGS.index("mean")}, "refuses_centring_other_than_min_and_none"),
    ],
)
def test_other_sizes_are_refused_at_elaboration(parameters: dict[str, int], message: str) -> None:
    with pytest.raises(HwsimError, match=f"inhibitor_head_{message}"):
        build("inhibitor_head", sources("inhibitor_head"), parameters)


def test_the_example_of_the_documentation_runs(capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).parents[2] / "docs" / "rtl_head.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    exec(example, {})
    assert capsys.readouterr().out == "True 95\n"
