"""Builds: shared, renewed when something changes, refused in the simulator's words."""

from __future__ import annotations

from pathlib import Path

import pytest

from hwsim.pytest_plugin.design import SIMULATORS

pytest_plugins = ["pytester"]

WAITS = """
@cocotb.test()
async def waits(dut):
    await Timer(1, "ns")
"""


def builds(root: Path) -> dict[str, int]:
    """The time stamps of the builds in the cache folder `own`, by name."""
    return {f.parent.name: f.stat().st_mtime_ns for f in root.glob("own/d/hwsim/build/*/contents")}


def test_test_modules_share_the_builds_of_a_design_now_and_later(run, module, pytester):
    for name in ("test_one", "test_two"):
        module(WAITS, name, parameters={"Width": [8, 16]})
    own = ("--sim", "icarus", "-o", "cache_dir=own")
    run(*own, "-n", 2).assert_outcomes(passed=4)
    first = builds(pytester.path)
    assert len(first) == 2
    run(*own, "test_two.py").assert_outcomes(passed=2)
    assert builds(pytester.path) == first


def test_a_changed_file_is_built_again_in_place(run, module, pytester, designs):
    (pytester.path / "own.v").write_text('`include "own.vh"\n' + (designs / "slice.v").read_text())
    (pytester.path / "own.vh").write_text("\n")
    module(WAITS, sources="own.v", build_args=["-I" + str(pytester.path)])
    own = ("--sim", "icarus", "-o", "cache_dir=own")
    run(*own).assert_outcomes(passed=1)
    for changed in ("own.v", "own.vh"):
        before = builds(pytester.path)
        with (pytester.path / changed).open("a") as file:
            file.write("// another\n")
        run(*own).assert_outcomes(passed=1)
        after = builds(pytester.path)
        assert after.keys() == before.keys() and after != before


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_a_design_that_does_not_compile_is_an_error_in_the_compilers_words(run, module, pytester, simulator):
    (pytester.path / "bad.v").write_text("module slice (input wire clk_i);\n  wire 4broken;\nendmodule\n")
    module(WAITS, sources="bad.v")
    result = run("--sim", simulator)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"{simulator} could not build slice:", "*bad.v:2:*syntax error*"])


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_a_missing_tool_is_an_error_that_says_how_to_get_it(run, module, pytester, monkeypatch, simulator):
    module(WAITS)
    monkeypatch.setenv("PATH", str(pytester.path))
    result = run("--sim", simulator)
    result.assert_outcomes(errors=1)
    wanted = {
        "icarus": "iverilog, vvp. *apt install iverilog",
        "verilator": "c++, make, perl. *apt install g++ *",
    }
    result.stdout.fnmatch_lines([f"*not found on the path: {wanted[simulator]}"])
    assert "Error 127" not in result.stdout.str()


def test_delays_work_with_verilator(run, module, pytester):
    (pytester.path / "ticks.v").write_text(
        "module ticks (output reg clk_o);\n  initial clk_o = 0;\n  always #5 clk_o = !clk_o;\nendmodule\n"
    )
    module(
        """
from cocotb.triggers import RisingEdge
from cocotb.utils import get_sim_time
@cocotb.test()
async def ticks(dut):
    for _ in range(3):
        await RisingEdge(dut.clk_o)
    assert get_sim_time("ns") == 25
""",
        toplevel="ticks",
        sources="ticks.v",
        build_args={"verilator": ["--timing"]},
    )
    run("--sim", "verilator").assert_outcomes(passed=1)


def test_the_fixture_builds_and_runs_on_each_simulator_of_the_mark(run, module, pytester):
    pytester.makepyfile(
        bench="""
        import cocotb
        from hwsim.cosim import parameters

        @cocotb.test()
        async def knows_its_width(dut):
            assert len(dut.m_axis_tdata) == parameters()["Width"]

        @cocotb.test()
        async def wants_eight(dut):
            assert len(dut.m_axis_tdata) == 8
        """
    )
    module(
        """
from hwsim.pytest_plugin import BuildError, CocotbFailure

def test_refuses_odd_widths(cosim):
    with pytest.raises(BuildError, match="width_must_be_even"):
        cosim.build(parameters={"Width": 7})

def test_runs(cosim):
    assert cosim.seed == 1 and cosim.simulator in ("icarus", "verilator")
    outcomes = cosim.run("bench", parameters={"Width": 8})
    assert {name: o.status for name, o in outcomes.items()} == {
        "bench.knows_its_width": "passed", "bench.wants_eight": "passed"}

def test_raises(cosim):
    with pytest.raises(CocotbFailure, match="bench.wants_eight failed: AssertionError: assert 16 == 8"):
        cosim.run("bench", parameters={"Width": 16})
""",
        simulators=list(SIMULATORS),
    )
    run().assert_outcomes(passed=6)
