"""Whole tickets through the Verilog head, and planted bugs that the comparison must find and name."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest

import hwsim.rtl
from hwsim.compare import Difference, first_difference
from hwsim.config import ModelConfig
from hwsim.errors import HwsimError, RangeError, UnsupportedError
from hwsim.make import random_ticket, random_tokens
from hwsim.model import Trace, forward
from hwsim.rtl import run_heads
from hwsim.ticket import Ticket
from hwsim.verify import make_inputs, prepare, verify_ticket

SMALL = {"vocabulary": 50, "max_tokens": 8, "width": 16, "heads": 4, "layers": 2, "hidden": 16, "classes": 2}


def sample(**changes: object) -> tuple[Ticket, Trace, np.ndarray]:
    """A random ticket, the emulator's trace of four sentences (one with holes), and their mask."""
    ticket = random_ticket(ModelConfig.from_dict(SMALL | changes))
    token_ids, mask = random_tokens(ticket.config, 4)
    mask[3] = np.arange(mask.shape[1]) % 3 != 1
    return ticket, forward(ticket, token_ids, mask, trace=True).trace, mask


def compare(ticket: Ticket, trace: Trace, mask: np.ndarray, stalls: int | None = None) -> Difference | None:
    run = run_heads(ticket, trace, mask, stalls)
    expected = {name: trace[name] for name in trace if name.endswith((".score", ".inhibit"))}
    assert set(run.trace) == set(expected)
    difference = first_difference("rtl", expected, run.trace, mask, "hwsim verify")
    return difference and run.with_time(difference)


@pytest.mark.parametrize("stalls", [None, 0, 1])
@pytest.mark.parametrize(
    "changes", [{}, {"centring": "none", "inner_norms": True}, {"inhibition": "unsigned"}], ids=str
)
def test_every_head_of_a_ticket_equals_the_emulator(changes: dict[str, object], stalls: int | None) -> None:
    ticket, trace, mask = sample(**changes)
    assert compare(ticket, trace, mask, stalls) is None
    run = run_heads(ticket, trace, mask)
    assert run.trace["layers.1.inhibit"].dtype == trace["layers.1.inhibit"].dtype


def test_cycles_and_times_without_stalls() -> None:
    ticket, trace, mask = sample()
    run = run_heads(ticket, trace, mask)
    lengths = [1, 8, int(mask[2].sum()), 7]
    cycles = [[n * n + 3 * n + 7] * 4 for n in lengths]
    assert run.cycles == {"layers.0": cycles, "layers.1": cycles, "total": 2 * int(np.sum(cycles))}
    # Two heads of the sentence of one token. The first is known: reset, keys and values, pipeline depth.
    first, second = run.times["layers.0.score"][0, :2, 0, 0]
    assert first == 2 + 2 + 1 + 5
    assert (
        run.times["layers.0.score"][1, 0].ravel()[1:] - run.times["layers.0.score"][1, 0, 0, 0]
    ).tolist() == [*range(1, 64)]
    assert second > run.times["layers.0.inhibit"][0, 0, 0] > first
    assert (run.times["layers.0.score"][0, 0, 1:] == -1).all()


def test_a_waveform_is_written_on_request(tmp_path: Path) -> None:
    ticket, trace, mask = sample()
    run = run_heads(ticket, trace, mask, waves=tmp_path / "heads.vcd")
    last = [line for line in (tmp_path / "heads.vcd").read_text().splitlines() if line.startswith("#")][-1]
    assert int(last[1:]) >= 10 * run.times["layers.1.inhibit"].max()


def test_what_the_verilog_does_not_take_is_refused() -> None:
    ticket, trace, mask = sample(centring="mean")
    with pytest.raises(UnsupportedError, match=r"refuses centring 'mean'.*use a ticket with 'min' or 'none'"):
        run_heads(ticket, trace, mask)
    ticket, trace, mask = sample(max_tokens=256)
    with pytest.raises(UnsupportedError, match="at most 128 tokens, not 256"):
        run_heads(ticket, trace, mask)
    short = mask & (np.arange(256) < 100)
    assert compare(ticket, forward(ticket, np.zeros((4, 256), int), short, trace=True).trace, short) is None


BUGS = {
    "one rounding bit": ("round_shift.v", "{{(Width - 1) {1'b0}}, shifted[0]}", "{Width{1'b0}}", "score"),
    "a sign": ("inhibit_row.v", ".subtract_i(negative_q)", ".subtract_i(1'b0)", "inhibit"),
    "a padded key that counts": ("score_clamp.v", "!real_i ? 7'd127 :", "real_i & 1'b0 ? 7'd127 :", "score"),
    "the first key not in the minimum": (
        "inhibitor_head.v",
        "zs_real_q[3] && zs < minimum_q",
        "zs_real_q[3] && write_key_q != {TokenWidth{1'b0}} && zs < minimum_q",
        "score",
    ),
    "values one key late": (
        "inhibitor_head.v",
        "values_q[read_key_q]",
        "values_q[read_key_q - 1'b1]",
        "inhibit",
    ),
}


def test_a_ticket_whose_sums_are_not_proved_to_fit_is_refused() -> None:
    ticket, trace, mask = sample()
    layer = ticket.layers[0]
    q = dataclasses.replace(layer.linears["q"], bias=np.full_like(layer.linears["q"].bias, (1 << 23) - 1))
    first = dataclasses.replace(layer, linears=layer.linears | {"q": q})
    wide = ticket.replace(layers=(first, *ticket.layers[1:]))
    with pytest.raises(RangeError, match=r"layers\.0\.q\.acc"):
        run_heads(wide, trace, mask)
    report = verify_ticket(prepare(wide, make_inputs(wide.config, 2)), ["rtl"])
    assert report.equal == {"rtl": False}
    assert "layers.0.q.acc" in report.failed["rtl"]


def plant(monkeypatch: pytest.MonkeyPatch, folder: Path, file: str, right: str, wrong: str) -> None:
    """Let hwsim.rtl take its Verilog from a copy with one change."""
    for path in hwsim.rtl.modules().values():
        shutil.copy(path, folder)
    text = (folder / file).read_text()
    assert text.count(right) == 1
    (folder / file).write_text(text.replace(right, wrong))
    monkeypatch.setattr(hwsim.rtl, "_FOLDER", folder)


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_found_and_named(bug: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, right, wrong, tensor = BUGS[bug]
    plant(monkeypatch, tmp_path, file, right, wrong)
    ticket, trace, mask = sample(width=32)
    difference = compare(ticket, trace, mask, stalls=1)
    assert difference is not None
    assert difference.tensor == f"layers.0.{tensor}"
    assert difference.expected == trace[difference.tensor][difference.index] != difference.actual
    assert difference.time is not None and difference.time > 0
    assert f"first difference in layers.0.{tensor}{list(difference.index)} at cycle {difference.time}" in str(
        difference
    )


def test_a_head_that_hangs_is_named_with_what_it_owes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(
        monkeypatch,
        tmp_path,
        "inhibitor_head.v",
        "row_written) filled_q",
        "row_written && !filled_q[1]) filled_q",
    )
    ticket, trace, mask = sample()
    with pytest.raises(
        HwsimError, match=r"nothing moved for .* cycles; .* m_axis gave 0 of 1 packets \(0 beats\)"
    ):
        run_heads(ticket, trace, mask)
