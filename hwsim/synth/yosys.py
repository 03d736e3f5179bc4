"""Yosys in a process of its own, from the pip package pyosys: an error in it ends the process it runs in."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hwsim.errors import HwsimError, MissingToolError
from hwsim.rtl import sources

_RUN = """
import sys
from pyosys import libyosys as ys
log, *passes = sys.argv[1:]
design = ys.Design()
for one in passes:
    ys.run_pass(f"tee -q -a {log} {one}", design)
"""

MULTIPLIERS = ("$mul", "$macc", "$macc_v2", "$alu_mul")
"""Cells of yosys, before it maps anything, that multiply two signals."""


def require() -> None:
    """Raise MissingToolError without pyosys."""
    if importlib.util.find_spec("pyosys") is None:
        raise MissingToolError("pyosys is not installed: pip install 'hwsim[synth]'")


def run(passes: Sequence[str], what: str) -> None:
    """Run passes in order. Raises HwsimError with yosys' own message, MissingToolError without yosys."""
    require()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        command = [sys.executable, "-c", _RUN, str(log), *passes]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            said = (log.read_text() if log.exists() else "") + done.stdout + done.stderr
            errors = [line for line in said.splitlines() if "ERROR" in line or "Error" in line]
            raise HwsimError(f"yosys on {what} failed: {errors[0] if errors else said[-400:]}")


def read(module: str, parameters: Mapping[str, int], more: Sequence[Path] = ()) -> list[str]:
    """The passes that read a module of hwsim, or one in `more`, as the top of the design."""
    known = [] if more else sources(module)
    files = " ".join(f'"{path}"' for path in (*known, *more))
    values = "".join(f" -chparam {name} {value}" for name, value in parameters.items())
    return [f"read_verilog {files}", f"hierarchy -check -top {module}{values}"]


def cells(statistics: Path) -> Counter[str]:
    """Cells by type, from what `stat -json` wrote."""
    text = statistics.read_text()
    found: dict[str, Any] = json.loads(text[text.index("{") :])["design"]["num_cells_by_type"]
    return Counter(found)


def version() -> str:
    """Of yosys."""
    require()
    from importlib.metadata import version as of

    return f"pyosys {of('pyosys')}"
