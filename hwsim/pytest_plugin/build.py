"""Build a design once: kept between runs, shared by every test that asks for the same model."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from hwsim.pytest_plugin.design import Design
from hwsim.rtl_tools import simulator_environment, verilator_folder

# Variables by which cocotb's runner would override what a test asks for.
OVERRIDES = (
    "WAVES",
    "GUI",
    "COCOTB_TESTCASE",
    "COCOTB_TEST_FILTER",
    "COCOTB_RANDOM_SEED",
    "COCOTB_TEST_MODULES",
)


CHATTER = re.compile(r" INFO +(gpi|pygpi|cocotb\.\w+) | WARNING +gpi .*vpi_iterate|^ +\*\*")


class BuildError(Exception):
    """The simulator refused a design; the message holds its own words."""


@contextlib.contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold an exclusive lock between processes: pytest-xdist workers wait here for one another."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def environment(simulator: str, **variables: str) -> Iterator[None]:
    """The simulator's environment in os.environ, which cocotb's runner lets win over all else."""
    before = dict(os.environ)
    os.environ.update(simulator_environment(simulator) | variables)
    for name in OVERRIDES:
        if name not in variables:
            os.environ.pop(name, None)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def tail(log: Path, lines: int = 40) -> str:
    """The last lines of a log that say something, without those that cocotb writes in every simulation."""
    text = log.read_text(errors="replace") if log.is_file() else ""
    kept = [line.rstrip() for line in text.splitlines() if line.strip() and not CHATTER.search(line)]
    return "\n".join(kept[-lines:]) or "(nothing)"


def build(design: Design, root: Path) -> Path:
    """Build `design` in a folder below `root` unless it is there already; returns the folder.

    The folder is named after the choice of model; when a source file changes it is built again in place.
    Raises BuildError with the simulator's message, MissingToolError if a tool is absent.
    """
    folder = root / f"{design.toplevel}-{design.simulator}-{design.digest()}-{_tools(design.simulator)}"
    stamp, log = folder / "contents", folder / "build.log"
    with locked(root / f"{folder.name}.lock"):
        contents = design.contents()
        if stamp.is_file() and stamp.read_text() == contents:
            return folder
        stamp.unlink(missing_ok=True)
        folder.mkdir(exist_ok=True)
        with environment(design.simulator):
            _run_build(design, folder, log)
        stamp.write_text(contents)
    return folder


@functools.cache
def _tools(simulator: str) -> str:
    """A short name for the tools that build: another simulator, cocotb or Python starts from nothing."""
    import cocotb_tools.config

    command = shutil.which("iverilog") if simulator == "icarus" else verilator_folder() / "verilator_bin"
    known = Path(command) if command else Path()
    stamp = known.stat().st_mtime_ns if known.is_file() else 0
    what = repr((str(known), stamp, str(cocotb_tools.config.libs_dir), version("cocotb")))
    return hashlib.sha256(what.encode()).hexdigest()[:6]


def _run_build(design: Design, folder: Path, log: Path) -> None:
    from cocotb_tools.runner import as_sv_literal, get_runner

    runner = get_runner(design.simulator)
    runner.log.setLevel("CRITICAL")
    try:
        runner.build(
            hdl_toplevel=design.toplevel,
            sources=design.sources,
            includes=design.includes,
            defines=dict(design.defines),
            parameters={name: as_sv_literal(value) for name, value in design.parameters},
            build_args=[*_arguments(design, folder), *design.build_args],
            build_dir=folder,
            timescale=design.timescale,
            waves=design.waves,
            always=True,
            log_file=log,
        )
    except RuntimeError as error:
        raise BuildError(f"{design.simulator} could not build {design.toplevel}:\n{tail(log)}") from error


def _arguments(design: Design, folder: Path) -> list[str]:
    if design.simulator == "icarus":
        return []
    arguments = []
    # Verilator's FST writer needs lz4; without it the far larger VCD will do.
    (folder / "fst").unlink(missing_ok=True)
    if design.waves and _compiles("lz4.h"):
        arguments += ["--trace-fst"]
        (folder / "fst").touch()
    if design.coverage:
        arguments += ["--coverage-line", "--coverage-toggle"]
    return arguments


def _compiles(header: str) -> bool:
    """Whether the C++ compiler finds a header."""
    command = ["c++", "-E", "-x", "c++", "-include", header, os.devnull]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
