"""The operators and the attention head in Verilog, and how to simulate them from Python.

`run_operator` and `run_heads` need the `rtl` extra (`pip install 'hwsim[rtl]'`) and a C++ compiler.
"""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import Any

from hwsim.errors import HwsimError

_FOLDER = Path(__file__).parent
_LAZY = {
    "run_operator": "hwsim.rtl.operators",
    "simulate_operator": "hwsim.rtl.operators",
    "run_heads": "hwsim.rtl.heads",
    "HeadRun": "hwsim.rtl.heads",
}

__all__ = ["HeadRun", "modules", "run_heads", "run_operator", "simulate_operator", "sources"]


def modules() -> dict[str, Path]:
    """Every Verilog module by name; each has a file of its own."""
    return {path.stem: path for path in sorted(_FOLDER.rglob("*.v"))}


def sources(toplevel: str) -> list[Path]:
    """The files that module `toplevel` needs, itself first, in the order a simulator may read them."""
    known = modules()
    if toplevel not in known:
        raise HwsimError(f"no Verilog module {toplevel!r}; the modules are {', '.join(known)}")
    needed = [toplevel]
    for name in needed:
        text = re.sub(r"//[^\n]*|/\*.*?\*/", "", known[name].read_text(), flags=re.DOTALL)
        needed += [
            word for word in dict.fromkeys(re.findall(r"\w+", text)) if word in known and word not in needed
        ]
    return [known[name] for name in needed]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
