"""What is written beside the verdict: waveforms, coverage."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from hwsim.pytest_plugin import coverage
from hwsim.pytest_plugin.design import SIMULATORS

pytest_plugins = ["pytester"]

FRAMES = """
async def send(dut, words):
    bench = Bench(dut)
    source, sink = bench.source(), bench.sink()
    await bench.reset()
    source.send(words)
    assert (await sink.receive()).data == words
    await bench.finish()

@cocotb.test()
async def zeros(dut):
    await send(dut, [0, 0])

@cocotb.test()
async def bits(dut):
    await send(dut, [1, 2, 1])
"""


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_waves_of_each_test_in_a_file_of_its_own(run, module, simulator):
    module(FRAMES)
    result = run("--sim", simulator, "--waves")
    result.assert_outcomes(passed=2)
    files = [Path(line.removeprefix("Waves: ")) for line in result.outlines if line.startswith("Waves: ")]
    assert len(set(files)) == 2 and {file.suffix for file in files} <= {".fst", ".vcd"}
    assert all(file.stat().st_size > 100 for file in files)


def test_coverage_of_all_workers_with_its_holes(run, module, pytester):
    module(FRAMES)
    result = run("-n", "2", "--rtl-coverage-json", "coverage.json")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        [
            "*Verilog coverage of 1 simulations*",
            "slice * *%*%",
            "*slice.v:46 *",
            "*m_axis_tdata[[]7:2] (12 of 16 edges)",
        ]
    )
    shares = json.loads((pytester.path / "coverage.json").read_text())["slice"]
    assert 0 < shares["line"]["covered"] < shares["line"]["total"]
    assert 0 < shares["toggle"]["covered"] < shares["toggle"]["total"]
    assert any("else" in hole for hole in shares["line"]["holes"])


@pytest.mark.parametrize("workers", [(), ("-n", "1")])
def test_coverage_of_a_compiled_simulation_that_still_runs(run, pytester, workers):
    pytester.makepyfile(
        """
        from hwsim.rtl import sources
        from hwsim.rtl.sim import build

        def test_it():
            global model
            model = build("relu", sources("relu"))
            assert model.vectors({"x_i": [[0], [-3], [5]]})["y_o"][:, 0].tolist() == [0, 0, 5]
        """
    )
    result = run(*workers, "--rtl-coverage-json", "coverage.json")
    result.assert_outcomes(passed=1)
    shares = json.loads((pytester.path / "coverage.json").read_text())["relu"]
    assert 0 < shares["toggle"]["covered"] < shares["toggle"]["total"]
    assert "HWSIM_RTL_COVERAGE" not in os.environ


def record(page: str, line: int, what: str, count: int, lines: str = "") -> str:
    fields = {"f": "/x/a.v", "l": line, "n": 3, "page": page, "o": what} | ({"S": lines} if lines else {})
    return "C '" + "".join(f"\x01{key}\x02{value}" for key, value in fields.items()) + f"' {count}\n"


def test_coverage_files_are_added_up_by_module(tmp_path):
    edges = [record("v_toggle/fifo__W4", 5, f"q[{bit}]:0->1", int(bit == 2)) for bit in (0, 1, 2, 3)]
    one = record("v_line/fifo", 7, "block", 0, "8-9,12") + record("v_branch/fifo", 7, "else", 0, "10")
    (tmp_path / "one.dat").write_text("# SystemC::Coverage-3\n" + one + "".join(edges))
    (tmp_path / "two.dat").write_text(one.replace("block\x01S\x028-9,12' 0", "block\x01S\x028-9,12' 4"))
    points = coverage.merge([tmp_path / "one.dat", tmp_path / "two.dat"])
    shares = coverage.modules(points, Path("/x"))
    assert list(shares) == ["fifo"]
    assert (shares["fifo"]["line"].covered, shares["fifo"]["line"].total) == (1, 2)
    assert shares["fifo"]["line"].holes == ["a.v:10 else"]
    assert shares["fifo"]["toggle"].holes == ["a.v:5 q[3,1:0] (3 of 4 edges)"]
    text = "\n".join(coverage.table(shares))
    assert "1/2   50.0%" in text and "1/4   25.0%" in text


def test_no_coverage_is_said_so():
    shares = coverage.modules(coverage.merge([]), Path("/x"))
    assert list(coverage.table(shares)) == ["nothing was measured; only Verilator measures coverage"]
