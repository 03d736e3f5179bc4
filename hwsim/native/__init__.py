"""The operators, the head and the whole model as kernels in C: the integers of `hwsim.ops`, faster.

The kernels are an optional extension module: an installation without a C compiler does without them, and
`hwsim.backend` says what runs. NAMES are the instruction sets that this processor offers, fastest first.
"""

from __future__ import annotations

import importlib
from types import ModuleType

from hwsim.errors import MissingToolError

try:
    _built: ModuleType | None = importlib.import_module("hwsim.native._kernels")
except ImportError:
    _built = None

NAMES: tuple[str, ...] = _built.names() if _built else ()


def kernels() -> ModuleType:
    """The extension module. Raises MissingToolError where it was not built."""
    if _built is None:
        raise MissingToolError("hwsim's C kernels are not built; reinstall hwsim with a C compiler")
    return _built


def fastest() -> str:
    """The name of the fastest kernels of this processor. Raises MissingToolError where none were built."""
    kernels()
    return NAMES[0]


def index(name: str) -> int:
    """The number of an instruction set's kernels in the extension module."""
    kernels()
    return NAMES.index(name)
