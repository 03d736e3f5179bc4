"""What is collected and selected: sweeps, simulators, -k, single items, xdist, marks in wrong places."""

from __future__ import annotations

import pytest

from hwsim.errors import HwsimError
from hwsim.pytest_plugin.design import designs as variants

pytest_plugins = ["pytester"]

TWO = """
def test_function(cosim):
    assert cosim.simulator

@cocotb.test()
@cocotb.parametrize(n=[1, 2])
async def counts(dut, n):
    assert n > 0

@cocotb.test()
@pytest.mark.cocotb(parameters=[{"Width": 2}, {"Width": 4}], simulators=["icarus"])
@pytest.mark.slow
async def is_narrow(dut):
    assert len(dut.m_axis_tdata) < 8
"""


@pytest.fixture
def two(module, pytester):
    """A module with swept designs on two simulators, and a test with a mark of its own."""
    pytester.makeini("[pytest]\nmarkers = slow")
    return module(TWO, parameters={"Width": [8, 16]}, simulators=["verilator", "icarus"])


def collected(result: pytest.RunResult) -> list[str]:
    return [line.partition("::")[2] for line in result.outlines if "::" in line]


def test_marks_are_merged_and_swept(run, two):
    names = collected(run("--collect-only", "-q"))
    sweep = [f"counts[{s}-Width={w}-n={n}]" for s in ("verilator", "icarus") for w in (8, 16) for n in (1, 2)]
    functions = ["test_function[verilator]", "test_function[icarus]"]
    assert names == [*functions, *sweep, "is_narrow[icarus-Width=2]", "is_narrow[icarus-Width=4]"]


def test_sim_picks_among_the_simulators_of_a_mark(run, two):
    assert len(collected(run("--collect-only", "-q", "--sim", "verilator"))) == 5
    result = run("--collect-only", "-q", "--sim", "icarus")
    assert len(collected(result)) == 7
    result.stdout.fnmatch_lines(["7/12 tests collected (5 deselected)*"])


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        (["-k", "narrow"], 2),
        (["-m", "slow"], 2),
        (["test_it.py::counts"], 4),
        (["test_it.py::counts[icarus-Width=16-n=2]"], 1),
    ],
)
def test_items_are_selected_one_by_one(run, two, arguments, count):
    assert len(collected(run("--collect-only", "-q", "--sim", "icarus", *arguments))) == count


def test_what_is_not_selected_is_not_simulated(run, two):
    result = run("-v", "-k", "icarus and 16 and not narrow", "--sim", "icarus")
    result.assert_outcomes(passed=2, deselected=10)


def test_workers_share_the_simulations_and_a_random_seed(run, module, pytester):
    module(
        f"""
import os
@cocotb.test()
@cocotb.parametrize(n=range(6))
async def says_who_it_is(dut, n):
    with open({str(pytester.path / "who")!r}, "a") as file:
        print(os.getpid(), os.environ["COCOTB_RANDOM_SEED"], file=file)
""",
        parameters={"Width": [8, 16]},
    )
    run("--sim", "icarus", "-n", "2", "--rtl-seed", "random").assert_outcomes(passed=12)
    who = [line.split() for line in (pytester.path / "who").read_text().splitlines()]
    assert (
        len(who) == 12 and len({process for process, _ in who}) == 2 and len({seed for _, seed in who}) == 1
    )


def test_modules_of_one_name_in_packages_and_importlib_mode(run, module, pytester):
    for folder in ("a", "b"):
        (pytester.path / folder).mkdir()
        module("@cocotb.test()\nasync def waits(dut):\n    await Timer(1)").rename(
            pytester.path / folder / "test_it.py"
        )
    run("--sim", "icarus", "--import-mode=importlib").assert_outcomes(passed=2)
    for folder in ("a", "b"):
        (pytester.path / folder / "__init__.py").touch()
    run("--sim", "icarus").assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"colour": "red"}, "unknown option 'colour' of the mark cocotb"),
        ({"toplevel": ""}, "the mark cocotb needs toplevel="),
        ({"sources": "absent.v"}, "absent.v does not exist"),
        ({"sources": "absent*.v"}, r"no source file matches .*absent\*.v"),
        ({"includes": ["absent"]}, "absent does not exist"),
        ({"simulators": ["spice"]}, "unknown simulator 'spice'; there are verilator, icarus"),
        ({"build_args": [1]}, r"build_args holds \[1\]; expected strings"),
        ({"parameters": {"Width": None}}, "parameter Width is None; expected an integer"),
    ],
)
def test_a_wrong_mark_is_refused(designs, options, message):
    with pytest.raises(HwsimError, match=message):
        variants({"toplevel": "slice", "sources": "slice.v"} | options, designs, None)


def test_what_a_mark_means(designs):
    options = {
        "toplevel": "slice",
        "sources": ["*.v"],
        "parameters": {"Name": "text", "Width": range(2, 6, 2)},
        "build_args": {"icarus": ["-g2005"]},
        "simulators": "icarus",
    }
    (first, design), (second, _) = variants(options, designs, None, waves=True, coverage=True)
    assert (first, second) == ("icarus-Width=2", "icarus-Width=4")
    assert design.parameters == (("Name", "text"), ("Width", 2)) and design.build_args == ("-g2005",)
    assert [file.name for file in design.sources] == ["double.v", "slice.v"]
    assert design.waves and not design.coverage


def test_mistakes_are_collection_errors(run, module, pytester):
    mistakes = {
        "test_option": ("@cocotb.test()\nasync def waits(dut):\n    pass", "unknown option 'colour'"),
        "test_order": (
            "@pytest.mark.slow\n@cocotb.test()\nasync def waits(dut):\n    pass",
            "below @cocotb.test()",
        ),
        "test_class": (
            "class TestIt:\n    @cocotb.test()\n    async def waits(dut):\n        pass",
            "not methods",
        ),
        "test_sweep": (
            "@cocotb.test()\n@pytest.mark.parametrize('n', [1])\nasync def waits(dut, n):\n    pass",
            "parametrised by @cocotb.parametrize",
        ),
        "test_positional": (
            "@pytest.mark.cocotb(1)\ndef test_waits(cosim):\n    pass",
            "takes keyword arguments only",
        ),
    }
    for name, (source, _) in mistakes.items():
        module(source, name, **({"colour": "red"} if name == "test_option" else {}))
    result = run()
    result.assert_outcomes(errors=len(mistakes))
    for _, message in mistakes.values():
        result.stdout.fnmatch_lines_random([f"*waits: *{message}*"])


def test_unmarked_modules_are_left_alone(run, pytester):
    pytester.makepyfile(
        "import cocotb\n@cocotb.test()\nasync def waits(dut):\n    pass\ndef test_one():\n    pass"
    )
    run().assert_outcomes(passed=1)


def test_pytest_starts_without_numpy_or_cocotb(run, pytester):
    pytester.makepyfile(
        """
        import sys
        def test_nothing_heavy_is_loaded():
            assert "hwsim.pytest_plugin" in sys.modules
            assert not {"numpy", "cocotb", "hwsim.errors"} & set(sys.modules)
        """
    )
    run("-p", "no:hypothesispytest").assert_outcomes(passed=1)
