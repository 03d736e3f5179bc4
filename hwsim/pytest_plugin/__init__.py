"""The pytest plugin: cocotb tests as ordinary pytest items, on Verilator or Icarus.

Loaded by every pytest run where hwsim is installed (and by cocotb inside each simulation), so this module
imports nothing but pytest; the rest follows when a module with the mark `cocotb` is collected.
"""

from __future__ import annotations

import os
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from hwsim.pytest_plugin.build import BuildError
    from hwsim.pytest_plugin.fixture import Cosim
    from hwsim.pytest_plugin.session import CocotbFailure

__all__ = ["BuildError", "CocotbFailure", "Cosim"]

_HOME = {"BuildError": "build", "CocotbFailure": "session", "Cosim": "fixture"}

DEFAULT_SEED = 1

COVERAGE_VARIABLE = "HWSIM_RTL_COVERAGE"
"""The folder into which simulations outside cocotb (`hwsim.rtl.build`) write their coverage."""
_FOLDER = pytest.StashKey["tempfile.TemporaryDirectory[str]"]()

MARK = (
    "cocotb(toplevel, sources, parameters={}, simulators=None, includes=(), defines={}, build_args=(), "
    "plusargs=(), timescale=('1ns', '1ps'), timeout=600): run the module's cocotb tests as pytest items"
)


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"hwsim.pytest_plugin.{_HOME[name]}"), name)
    raise AttributeError(f"module 'hwsim.pytest_plugin' has no attribute {name!r}")


def _seed(text: str) -> int:
    if text == "random":
        import random

        return random.SystemRandom().randrange(1, 1 << 31)
    return int(text)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("hwsim", "cocotb tests of Verilog (hwsim)")
    group.addoption(
        "--sim", choices=("verilator", "icarus"), help="simulator of cocotb tests (default: verilator)"
    )
    group.addoption("--waves", action="store_true", help="write one waveform file for each cocotb test")
    group.addoption(
        "--rtl-seed",
        type=_seed,
        default=DEFAULT_SEED,
        metavar="N",
        help="random seed, or `random` (default: 1)",
    )
    group.addoption(
        "--rtl-coverage", action="store_true", help="report line and toggle coverage of the Verilog"
    )
    group.addoption("--rtl-coverage-json", metavar="FILE", help="write that coverage as JSON")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", MARK)
    if _coverage(config) and not hasattr(config, "workerinput"):
        folder = config.stash[_FOLDER] = tempfile.TemporaryDirectory()
        os.environ[COVERAGE_VARIABLE] = folder.name  # the workers inherit it


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Compiled simulations that still run write their coverage now."""
    if _coverage(session.config) and "hwsim.rtl.sim" in sys.modules:
        sys.modules["hwsim.rtl.sim"].Simulation.close_all()


def pytest_unconfigure(config: pytest.Config) -> None:
    if _FOLDER in config.stash:
        del os.environ[COVERAGE_VARIABLE]
        config.stash[_FOLDER].cleanup()


def _coverage(config: pytest.Config) -> bool:
    return bool(config.option.rtl_coverage or config.option.rtl_coverage_json)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """pytest-xdist: a random seed is drawn once, not by each worker."""
    node.workerinput["rtl_seed"] = node.config.option.rtl_seed


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(collector: Any, name: str, obj: Any) -> list[pytest.Item] | None:
    if "cocotb" not in sys.modules:
        return None
    from cocotb.regression import TestGenerator

    if isinstance(obj, pytest.MarkDecorator) and any(isinstance(a, TestGenerator) for a in obj.args):
        raise collector.CollectError(
            f"{name}: put @pytest.mark.{obj.name} below @cocotb.test(), next to the function"
        )
    if not isinstance(obj, TestGenerator):
        return None
    marked = [*collector.iter_markers("cocotb"), *getattr(obj.func, "pytestmark", [])]
    if not any(mark.name == "cocotb" for mark in marked):
        return None
    if not isinstance(collector, pytest.Module):
        raise collector.CollectError(f"{name}: cocotb runs functions of a module, not methods of a class")
    from hwsim.pytest_plugin.items import collect

    return list(collect(collector, name, obj))


def _simulator(item: Any) -> str | None:
    """The simulator of a cocotb test or of a function with the fixture cosim."""
    if hasattr(item, "design"):
        return item.design.simulator
    return getattr(getattr(item, "callspec", None), "params", {}).get("cosim")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With --sim, tests that ask for other simulators are deselected."""
    chosen = config.option.sim
    if chosen is None:
        return
    out = [item for item in items if _simulator(item) not in (None, chosen)]
    if out:
        config.hook.pytest_deselected(items=out)
        items[:] = [item for item in items if item not in out]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A function with the fixture cosim runs once for each simulator that its mark names."""
    if "cosim" in metafunc.fixturenames:
        from hwsim.errors import HwsimError
        from hwsim.pytest_plugin.design import chosen_simulators, merge_marks

        try:
            names = chosen_simulators(merge_marks(metafunc.definition), metafunc.config.option.sim)
        except HwsimError as error:
            raise pytest.Collector.CollectError(f"{metafunc.function.__name__}: {error}") from error
        metafunc.parametrize("cosim", names, indirect=True)


@pytest.fixture
def cosim(request: pytest.FixtureRequest) -> Cosim:
    """Build and run Verilog from an ordinary test: cosim.build(...), cosim.run(module, ...)."""
    from hwsim.pytest_plugin.fixture import Cosim

    return Cosim(request)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    report = yield
    seconds = getattr(item, "seconds", None)
    # The call of a cocotb test only tells what its simulation found: report the time it took in there.
    if report.when == "call" and seconds is not None:
        report.duration = seconds
    return report


def pytest_report_header(config: pytest.Config) -> str | None:
    return f"hwsim: --rtl-seed {config.option.rtl_seed}" if config.option.rtl_seed != DEFAULT_SEED else None


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """The waveform files, and the coverage of all simulations of all workers."""
    reports = [report for group in terminalreporter.stats.values() for report in group]
    named = [pair for report in reports for pair in getattr(report, "user_properties", ())]
    for path in dict.fromkeys(path for name, path in named if name == "rtl_waves"):
        terminalreporter.write_line(f"Waves: {path}")
    output = config.option.rtl_coverage_json
    if _coverage(config):
        from hwsim.pytest_plugin import coverage

        files = dict.fromkeys(Path(str(path)) for name, path in named if name == "rtl_coverage")
        files |= dict.fromkeys(sorted(Path(config.stash[_FOLDER].name).glob("*.dat")))
        shares = coverage.modules(coverage.merge(files), config.rootpath)
        terminalreporter.section(f"Verilog coverage of {len(files)} simulations (Verilator)")
        for line in coverage.table(shares):
            terminalreporter.write_line(line)
        if output:
            coverage.write_json(shares, Path(output))
