"""Run cocotb tests of one module on a built design, and say for each what became of it."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from hwsim.pytest_plugin.build import build, environment, tail
from hwsim.pytest_plugin.design import PARAMETERS_VARIABLE, Design


@dataclass(frozen=True)
class Outcome:
    """What became of one cocotb test."""

    status: str
    """passed, failed, skipped, or dead: the simulation ended before the test did."""
    message: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Simulation:
    """What one simulation left behind."""

    outcomes: dict[str, Outcome]
    """By `module.name`; every test that was asked for is here."""
    files: dict[str, str] = field(default_factory=dict)
    """Paths of `log` and, where they exist, `waves` and `coverage`."""


def simulate(
    design: Design,
    module: str,
    tests: Sequence[str],
    seed: int,
    builds: Path,
    folder: Path,
    path: Sequence[str] = (),
) -> Simulation:
    """Simulate the named tests (`module.name`) of the Python module `module` once, in `folder`.

    path: folders that the simulated Python needs beside sys.path.
    Raises BuildError or MissingToolError if it does not come to a simulation.
    """
    built = build(design, builds)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    before = list(sys.path)
    sys.path += [entry for entry in path if entry not in sys.path]
    try:
        code = _run(design, module, tests, seed, built, folder)
    finally:
        sys.path[:] = before
    log = folder / "simulation.log"
    kinds = {"simulation.log": "log", "waves.fst": "waves", "waves.vcd": "waves", "coverage.dat": "coverage"}
    files = {kind: str(folder / name) for name, kind in kinds.items() if (folder / name).is_file()}
    found = _read_results(folder / "results.xml")
    ended = f"exited with code {code}" if code else "ended before this test did"
    if code == 124:
        ended = f"was stopped after {design.timeout} seconds of wall time (the mark's timeout=)"
    dead = Outcome("dead", f"the {design.simulator} simulation {ended}. Its last words:\n{tail(log)}")
    outcomes = {test: found.get(test, dead) for test in tests}
    for test, outcome in outcomes.items():
        # A simulator that fails after its last test has failed them all: nobody knows since when.
        if outcome.status == "dead" or (code and outcome.status == "passed"):
            outcomes[test] = dead
    return Simulation(outcomes, files)


def _run(design: Design, module: str, tests: Sequence[str], seed: int, built: Path, folder: Path) -> int:
    """Start the simulator; returns its exit code."""
    from cocotb_tools.runner import get_runner

    # cocotb's runner lets os.environ win over its own arguments, so they all go there.
    variables = {
        "COCOTB_RANDOM_SEED": str(seed),
        "COCOTB_TEST_FILTER": f"^({'|'.join(re.escape(test) for test in tests)})$",
        PARAMETERS_VARIABLE: design.parameters_json(),
    }
    if shutil.which("timeout"):
        variables["SIM_CMD_PREFIX"] = f"timeout --foreground --kill-after=5 {design.timeout}"
    verilator = design.simulator == "verilator"
    kind = "fst" if not verilator or (built / "fst").is_file() else "vcd"
    waves = folder / f"waves.{kind}"
    own = [f"+verilator+seed+{seed % (1 << 31) or 1}"] if verilator else [f"+dumpfile_path={waves}"]
    with environment(design.simulator, **variables):
        runner = get_runner(design.simulator)
        runner.log.setLevel("CRITICAL")
        try:
            runner.test(
                test_module=module,
                hdl_toplevel=design.toplevel,
                hdl_toplevel_lang="verilog",
                build_dir=built,
                test_dir=folder,
                results_xml=str(folder / "results.xml"),
                waves=design.waves,
                plusargs=[*own, *design.plusargs],
                test_args=["--trace-file", str(waves)] if verilator and design.waves else [],
                log_file=folder / "simulation.log",
            )
        except RuntimeError as error:
            found = re.search(r"return code: (-?\d+)", str(error))
            if found is None:
                raise
            return int(found[1])
        except SystemExit:
            # The simulator ended well; the results say that tests failed, or there are none.
            return 0
    return 0


def printed(log: Path, test: str) -> str:
    """What a simulation said while it ran one test, without the traceback of its failure."""
    text = log.read_text(errors="replace")
    start = re.search(rf"running {re.escape(test)} .*\n", text)
    if start is None:
        return ""
    end = re.search(rf".*{re.escape(test)} (failed|errored)", text[start.end() :])
    return text[start.end() :][: end.start() if end else None].strip("\n")


def _message(failure: ElementTree.Element) -> str:
    """The exception in one line, then its traceback."""
    message = failure.get("message", "").strip()
    if not failure.text:
        return message
    first = message.splitlines()[0] if message else ""
    return f"{failure.get('type')}: {first}\n\n{failure.text.strip()}"


def _read_results(file: Path) -> dict[str, Outcome]:
    """The outcomes that cocotb wrote; none if it could not."""
    try:
        cases = list(ElementTree.parse(file).getroot().iter("testcase"))
    except (OSError, ElementTree.ParseError):
        return {}
    outcomes = {}
    for case in cases:
        seconds = float(case.get("time", 0))
        bad = [child for child in case if child.tag in ("failure", "error")]
        if bad:
            status = "dead" if bad[0].get("type") == "SimFailure" else "failed"
            outcome = Outcome(status, _message(bad[0]), seconds)
        elif case.find("skipped") is not None:
            outcome = Outcome("skipped", "skipped inside the simulation", seconds)
        else:
            outcome = Outcome("passed", "", seconds)
        outcomes[f"{case.get('classname')}.{case.get('name')}"] = outcome
    return outcomes
