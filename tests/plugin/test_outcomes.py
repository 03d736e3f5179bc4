"""What cocotb says of a test is what pytest says of it, on both simulators."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from hwsim.pytest_plugin.design import SIMULATORS

pytest_plugins = ["pytester"]

EVERYTHING = """
@cocotb.test()
async def passes(dut):
    await Timer(1, "ns")

@cocotb.test()
@cocotb.parametrize(n=[1, 2])
async def repeats(dut, n):
    assert parameters() == {"Width": 16} and len(dut.m_axis_tdata) == 16

@cocotb.test()
async def fails(dut):
    print("it was seen here")
    await Timer(1, "ns")
    assert len(dut.m_axis_tdata) == 17, "a width nobody asked for"

@cocotb.test()
async def fails_in_a_task(dut):
    async def background():
        await Timer(1, "ns")
        raise RuntimeError("from the background")
    cocotb.start_soon(background())
    await Timer(9, "ns")

@cocotb.test(skip=True)
async def is_skipped_by_cocotb(dut):
    assert False

@cocotb.test()
@pytest.mark.skipif(True, reason="not today")
async def is_skipped_by_pytest(dut):
    assert False

@cocotb.test()
async def skips_itself(dut):
    pytest.skip("no need")

@cocotb.test(expect_fail=True)
async def fails_as_cocotb_expects(dut):
    assert False

@cocotb.test()
@pytest.mark.xfail(reason="known")
async def fails_as_pytest_expects(dut):
    assert False

@cocotb.test(timeout_time=10, timeout_unit="ns")
async def hangs(dut):
    await Timer(1, "ms")

def test_of_the_ordinary_kind():
    pass
"""


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_each_cocotb_test_is_one_item_and_one_junit_entry(run, module, pytester, simulator):
    module(EVERYTHING, parameters={"Width": 16})
    result = run("--sim", simulator, "--junitxml=junit.xml", "--rtl-seed=42")
    result.assert_outcomes(passed=5, failed=3, skipped=3, xfailed=1)
    result.stdout.fnmatch_lines(
        [
            "AssertionError: a width nobody asked for",
            "*assert len(dut.m_axis_tdata) == 17*",
            "*where 16 = len(*",
            f"Again: pytest 'test_it.py::fails[[]{simulator}]' --sim {simulator} --rtl-seed 42 --waves",
            "Log: */simulation.log",
            "*it was seen here*",
            "RuntimeError: from the background",
            "*SimTimeoutError*",
        ]
    )
    cases = list(ElementTree.parse(pytester.path / "junit.xml").getroot().iter("testcase"))
    names = [case.get("name") for case in cases]
    assert len(names) == len(set(names)) == 12 and f"repeats[{simulator}-n=2]" in names
    properties = {p.get("name"): p.get("value") for p in cases[0].iter("property")}
    assert properties["rtl_simulator"] == simulator and properties["rtl_seed"] == "42"


def test_the_seed_decides_random_numbers(run, module, pytester):
    drawn = pytester.path / "drawn"
    module(
        f"""
import random
@cocotb.test()
async def draws(dut):
    with open({str(drawn)!r}, "a") as file:
        print(random.random(), file=file)
""",
        parameters={"Width": [8, 16]},
    )
    run("--sim", "icarus").assert_outcomes(passed=2)
    run("--sim", "icarus", "--rtl-seed", 2, "-k", 16).assert_outcomes(passed=1)
    first, again, other = drawn.read_text().split()
    assert first == again != other
