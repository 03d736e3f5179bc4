"""A simulation that dies fails the test that saw it die, in the simulator's own words, and no other test."""

from __future__ import annotations

import pytest

from hwsim.pytest_plugin.design import SIMULATORS

pytest_plugins = ["pytester"]

THREE_TESTS = """
async def three_beats(dut, count):
    bench = Bench(dut)
    source, sink = bench.source(), bench.sink()
    await bench.reset()
    source.send(range(count))
    await sink.receive()

@cocotb.test()
async def before(dut):
    await three_beats(dut, 2)

@cocotb.test()
async def dies(dut):
    await three_beats(dut, 5)

@cocotb.test()
async def after(dut):
    await three_beats(dut, 2)
"""


@pytest.mark.parametrize("simulator", SIMULATORS)
@pytest.mark.parametrize(
    ("fault", "words"),
    [("finish", "*the simulation ended prematurely*"), ("fatal", "*the third beat is too much*")],
)
def test_only_the_test_that_died_fails(run, module, simulator, fault, words):
    module(THREE_TESTS, plusargs=[f"+fault={fault}"])
    result = run("--sim", simulator)
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines([f"the {simulator} simulation *", words])
    result.stdout.fnmatch_lines([f"FAILED test_it.py::dies[[]{simulator}[]] - the {simulator} simulation*"])


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_an_import_that_fails_only_in_the_simulation_is_a_failure(run, module, simulator):
    module(
        """
if cocotb.is_simulation:
    import no_such_module
@cocotb.test()
async def looks_fine(dut):
    await Timer(1, "ns")
"""
    )
    result = run("--sim", simulator)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*No module named 'no_such_module'"])


def test_a_simulation_that_hangs_is_stopped(run, module):
    module(
        """
import time
@cocotb.test()
async def sleeps(dut):
    time.sleep(60)
""",
        timeout=2,
    )
    result = run("--sim", "icarus")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*icarus simulation was stopped after 2 seconds of wall time*"])


def test_a_crash_of_the_simulator_is_a_failure(run, module):
    module(
        """
import os, signal
@cocotb.test()
async def crashes(dut):
    os.kill(os.getpid(), signal.SIGSEGV)
"""
    )
    result = run("--sim", "icarus")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["the icarus simulation exited with code *"])


def test_a_simulator_that_fails_after_its_last_test_is_a_failure(run, module):
    module(
        """
import atexit, os
@cocotb.test()
async def leaves_a_trap(dut):
    atexit.register(os._exit, 3)
"""
    )
    result = run("--sim", "icarus")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["the icarus simulation exited with code 3*"])
