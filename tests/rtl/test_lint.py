"""All Verilog: clean in Verilator, Icarus and yosys, no multipliers, and other sizes refused by name."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from hwsim import rtl_tools
from hwsim.accelerator.machine import LANES, WIDTHS
from hwsim.rtl import modules, sources

FORBIDDEN = r"\$(mul|macc|div|mod|divfloor|modfloor|pow|dlatch|adlatch|dlatchsr|sr|latch)$"
"""Cells of yosys that must not appear before it maps anything: multipliers, dividers, latches."""

PARAMETERS: dict[str, list[dict[str, int]]] = {
    "linear": [{"Lanes": 1, "Inputs": 128}, {"Lanes": 64, "Inputs": 4096, "AccWidth": 32}],
    "classify": [{"Lanes": 4}],
    "manhattan_norm": [
        {"Lanes": 1, "Width": 16, "InWidth": 8},
        {"Lanes": 4, "Width": 64, "InWidth": 24},
        {"Lanes": 64, "Width": 256},
    ],
    "manhattan_score": [
        {"Lanes": 1, "HeadWidth": 4, "Keys": 8},
        {"Lanes": 4, "HeadWidth": 8, "Keys": 128, "Centring": 2},
        {"Lanes": 64, "HeadWidth": 64},
    ],
    "inhibit": [
        {"Lanes": 1, "Keys": 8, "Signed": 0},
        {"Lanes": 4, "Keys": 128, "Bits": 16},
        {"Lanes": 64, "Keys": 32},
    ],
    "pool": [{"Lanes": 1}, {"Lanes": 64}],
    "embed": [{"Bits": 8}],
    "residual_add": [{"Bits": 12, "AccWidth": 32}],
    "round_shift": [{"Width": 8, "ShiftWidth": 3}],
    "saturate": [{"Width": 9, "Bits": 8}],
    "requantize": [{"Width": 17, "Bits": 16}],
    "inhibitor_head": [
        {"HeadWidth": 4, "MaxTokens": 8, "OutWidth": 16, "Centring": 2},
        {"HeadWidth": 64, "MaxTokens": 128},
    ],
    "accelerator": [
        *({"Lanes": lanes, "Width": width} for lanes in LANES for width in WIDTHS),
        {"Lanes": 8, "Width": 32, "WeightDepth": 0, "BiasDepth": 256, "Operations": 64},
        {"Lanes": 32, "WeightDepth": 131072, "BiasDepth": 16384, "Operations": 1024},
    ],
    "dot_accelerator": [
        {"Lanes": 64, "Width": 256},
        {"Lanes": 8, "Width": 32, "WeightDepth": 0, "Hard": 1},
    ],
    "multiplier_8x8": [{"Hard": 1}],
    "sequence_memory": [{"Width": 31, "Depth": 64}, {"Depth": 131072}],
    "lane_select": [{"Lanes": 8}, {"Lanes": 64}],
    "segment_table": [{"Lanes": 8}],
    "operation_fetch": [{"Lanes": 64, "Width": 256, "Operations": 64}],
}
"""Sets beside the defaults."""

REFUSED: list[tuple[str, dict[str, int], str]] = [
    ("linear", {"Lanes": 2}, "linear_refuses_lanes"),
    ("linear", {"Inputs": 64}, "linear_refuses_inputs"),
    ("linear", {"AccWidth": 12}, "linear_refuses_inputs"),
    ("classify", {"Lanes": 128}, "linear_refuses_lanes"),
    ("manhattan_norm", {"Lanes": 5}, "manhattan_norm_refuses_lanes"),
    ("manhattan_norm", {"Width": 48}, "manhattan_norm_refuses_width"),
    ("manhattan_norm", {"InWidth": 12}, "manhattan_norm_refuses_in_width"),
    ("manhattan_score", {"Lanes": 3}, "manhattan_score_refuses_lanes"),
    ("manhattan_score", {"HeadWidth": 128}, "manhattan_score_refuses_head_width"),
    ("manhattan_score", {"Keys": 256}, "manhattan_score_refuses_keys"),
    ("manhattan_score", {"Centring": 1}, "manhattan_score_refuses_centring"),
    ("inhibit", {"Lanes": 2}, "inhibit_refuses_lanes"),
    ("inhibit", {"Keys": 12}, "inhibit_refuses_keys"),
    ("inhibit", {"Bits": 12}, "inhibit_refuses_bits"),
    ("inhibit", {"Signed": 2}, "inhibit_refuses_bits"),
    ("pool", {"Lanes": 2}, "pool_refuses_lanes"),
    ("relu", {"Width": 1}, "relu_refuses"),
    ("embed", {"Bits": 17}, "embed_refuses_bits"),
    ("residual_add", {"Bits": 7}, "residual_add_refuses_bits"),
    ("residual_add", {"AccWidth": 33}, "residual_add_refuses_bits"),
    ("round_shift", {"Width": 65}, "round_shift_refuses"),
    ("saturate", {"Bits": 2}, "saturate_refuses"),
    ("requantize", {"Bits": 8, "Width": 8}, "saturate_refuses"),
    ("accelerator", {"Lanes": 4}, "accelerator_refuses_lanes"),
    ("accelerator", {"Width": 96}, "accelerator_refuses_width"),
    ("accelerator", {"WeightDepth": 1024}, "accelerator_refuses_weight_depth"),
    ("accelerator", {"BiasDepth": 300}, "accelerator_refuses_bias_depth"),
    ("accelerator", {"Operations": 32}, "accelerator_refuses_operations"),
    ("multiplier_8x8", {"Hard": 2}, "multiplier_8x8_refuses_hard"),
    ("sequence_memory", {"Depth": 32}, "sequence_memory_refuses_depth"),
]

CHOICES = [(name, chosen) for name in modules() for chosen in ({}, *PARAMETERS.get(name, ()))]

SYNTHESIS = """
import sys
from pyosys import libyosys as ys
report, *passes = sys.argv[1:]
design = ys.Design()
for one in passes:
    ys.run_pass(f"tee -q -a {report} {one}", design)
"""


def run(command: list[str], environment: Mapping[str, str] | None = None) -> tuple[int, str]:
    """(exit status, all that was said)."""
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def verilator(module: str, parameters: Mapping[str, int]) -> tuple[int, str]:
    values = [f"-G{name}={value}" for name, value in parameters.items()]
    files = [str(path) for path in sources(module)]
    command = ["verilator", "--lint-only", "-Wall", "--quiet", *values, "--top-module", module, *files]
    return run(command, rtl_tools.verilator_environment())


def icarus(module: str, parameters: Mapping[str, int]) -> tuple[int, str]:
    values = [f"-P{module}.{name}={value}" for name, value in parameters.items()]
    files = [str(path) for path in sources(module)]
    command = ["iverilog", "-g2005", "-Wall", "-o", "/dev/null", "-s", module, *values, *files]
    return run(command, rtl_tools.simulator_environment("icarus"))


def yosys(module: str, parameters: Mapping[str, int], folder: Path) -> tuple[int, str]:
    """The report of `stat -json` if all is well, else what was said."""
    log, report = folder / "log", folder / "stat"
    values = "".join(f" -chparam {name} {value}" for name, value in parameters.items())
    files = " ".join(str(path) for path in sources(module))
    read = (f"read_verilog {files}", f"hierarchy -check -top {module}{values}", "proc", "check -assert")
    status, said = run([sys.executable, "-c", SYNTHESIS, str(log), *read, f"tee -q -o {report} stat -json"])
    # An error in yosys ends the process, with its message in the log at most.
    return status, report.read_text() if report.exists() else said + log.read_text()


@pytest.mark.parametrize(("module", "parameters"), CHOICES)
def test_verilator_and_icarus_have_nothing_to_say(module: str, parameters: dict[str, int]) -> None:
    assert verilator(module, parameters) == (0, "")
    assert icarus(module, parameters) == (0, "")


@pytest.mark.parametrize("module", modules())
def test_synthesis_finds_no_multiplier_divider_or_latch(module: str, tmp_path: Path) -> None:
    few = {"Lanes": 8} if "parameter integer Lanes" in modules()[module].read_text() else {}
    status, report = yosys(module, few, tmp_path)
    assert status == 0, report
    cells = json.loads(report[report.index("{") :])["design"]["num_cells_by_type"]
    assert cells
    assert not [cell for cell in cells if re.search(FORBIDDEN, cell)]


def test_the_search_for_multipliers_finds_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = tmp_path / "bad.v"
    bad.write_text("module bad (input [3:0] a, b, output [7:0] y); assign y = a * b; endmodule\n")
    monkeypatch.setitem(globals(), "sources", lambda module: [bad])
    status, report = yosys("bad", {}, tmp_path)
    assert status == 0
    assert re.search(r"\$mul", report)


@pytest.mark.parametrize(("module", "parameters", "name"), REFUSED)
def test_other_sizes_are_refused_by_name(
    module: str, parameters: dict[str, int], name: str, tmp_path: Path
) -> None:
    for tool in (verilator, icarus, lambda m, p: yosys(m, p, tmp_path)):
        status, said = tool(module, parameters)
        assert status != 0
        assert name in said


def test_every_module_has_a_file_of_its_name_and_a_description() -> None:
    for name, path in modules().items():
        text = path.read_text()
        assert re.findall(r"^module (\w+)", text, re.MULTILINE) == [name]
        assert text.startswith(f"// {name}: ")
        assert "`default_nettype none\n" in text
        assert not re.search(r"lint_off|\binitial\b|\bTODO\b", text)
