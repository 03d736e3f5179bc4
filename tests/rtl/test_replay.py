"""The replay on Icarus: what the real Verilog answers is what the emulator says, and a fault is seen."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import replay

from hwsim import forward
from hwsim.accelerator import total
from hwsim.rtl import modules, sources


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What the real Verilog prints."""
    return list(replay.lines(sources("accelerator"), tmp_path_factory.mktemp("replay")))


@cache
def frames() -> list[replay.Sent]:
    """The whole frames of the two tickets, in order."""
    return list(replay.sent())


def test_logits_are_the_emulators(printed: list[str]) -> None:
    expected = np.concatenate([forward(one.ticket, one.ids, one.mask).logits.ravel() for one in frames()])
    words = [int(line.split()[1], 16) for line in printed if line.startswith("logit")][: len(expected)]
    assert (np.array(words, np.uint32).view(np.int32) == expected).all()


def test_cycles_are_the_models(printed: list[str]) -> None:
    cycles = [int(line.split()[1]) for line in printed if line.startswith("run")]
    assert cycles[: len(frames())] == [total(one.program, one.frame) for one in frames()]


def test_every_malformed_program_and_frame_is_an_error(printed: list[str]) -> None:
    codes = [int(line.split()[1], 16) for line in printed if line.startswith("error")]
    assert codes == [0] * 7 + [code for *_, code in replay.MALFORMED]
    stopped = [line for line in printed if line.startswith("read 0c") and line.split()[2][5] == "6"]
    assert len(stopped) == 4
    assert not [line for line in printed if line.split()[0] in ("hangs", "unstable", "answered", "weights")]


def test_a_fault_is_seen(printed: list[str], tmp_path: Path) -> None:
    assert replay.first_difference(printed, sources("accelerator"), tmp_path) is None
    text = modules()["lane_output"].read_text()
    bad = tmp_path / "lane_output.v"
    bad.write_text(text.replace("over_q || lowest_q}", "over_q}"))
    assert bad.read_text() != text
    files = [bad if path.stem == "lane_output" else path for path in sources("accelerator")]
    found = replay.first_difference(printed, files, tmp_path)
    assert found is not None and found.startswith("row ")


def test_padding_anywhere_in_a_frame(printed: list[str]) -> None:
    """Four pairs, two, two, two: the last real lane says how many keys a score has, one if there is none."""
    cycles = [int(line.split()[1]) for line in printed if line.startswith("run")][-len(replay.PADDED) :]
    keys = 5, 1, 4, 1
    pairs = (len(tags) for tags in replay.PADDED)
    assert cycles == [5 * p + 15 + 4 * n + 15 + n + 8 + 15 + 1 for p, n in zip(pairs, keys, strict=True)]
