"""The linters' opinion of a Verilog module, with no waivers but those in the sources."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from hwsim import rtl, rtl_tools


def lint(module: str) -> dict[str, str]:
    """What Verilator and Icarus say about `module` and what it instantiates; empty text if nothing.

    Raises HwsimError for an unknown module, MissingToolError if one of the tools is absent.
    """
    environment = rtl_tools.verilator_environment()
    rtl_tools.require("perl", "iverilog")
    verilator = Path(environment["VERILATOR_ROOT"]) / "bin" / "verilator_bin"
    files = rtl.sources(module)
    strict = "--lint-only", "--quiet", "-Wall", "--no-timing", "--top-module", module
    standard = "-g2005", "-Wall", "-s", module, "-o", os.devnull
    return {
        "verilator": _say([verilator, *strict, *files], environment),
        "icarus": _say(["iverilog", *standard, *files], environment),
    }


def _say(command: Sequence[str | Path], environment: dict[str, str]) -> str:
    done = subprocess.run([*command], env=environment, capture_output=True, text=True, check=False)
    said = (done.stdout + done.stderr).strip()
    return said or (f"exit status {done.returncode}" if done.returncode else "")
