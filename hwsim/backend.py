"""Which code computes the emulator's integers: the C kernels of `hwsim.native`, or NumPy; both give the same.

    hwsim.backend.current()            "avx2", "neon", "portable" or "numpy"
    hwsim.backend.use("numpy")         for this process; HWSIM_BACKEND=numpy does it from outside
    with hwsim.backend.using("numpy"): for a while

Traces, and everything that other implementations are held against, are NumPy's whatever is chosen here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from hwsim.errors import HwsimError

VARIABLE, THREADS_VARIABLE = "HWSIM_BACKEND", "HWSIM_THREADS"
NUMPY = "numpy"

_chosen: str | None = None


def available() -> tuple[str, ...]:
    """Every backend that runs on this machine, the fastest first; always ends in "numpy"."""
    from hwsim import native

    return (*native.NAMES, NUMPY)


def current() -> str:
    """The backend in use: the one chosen, the one named by HWSIM_BACKEND, else the fastest.

    Raises HwsimError if HWSIM_BACKEND names none that runs here.
    """
    if _chosen is not None:
        return _chosen
    wanted = os.environ.get(VARIABLE)
    return _known(wanted, f"{VARIABLE}: ") if wanted else available()[0]


def use(name: str | None) -> None:
    """Choose a backend for this process; None: leave it to HWSIM_BACKEND and the machine.

    Raises HwsimError for a name that is not among `available()`.
    """
    global _chosen
    _chosen = None if name is None else _known(name)


@contextmanager
def using(name: str) -> Iterator[None]:
    """`use` for the length of a `with` block."""
    global _chosen
    before = _chosen
    use(name)
    try:
        yield
    finally:
        _chosen = before


def threads() -> int:
    """Threads over the sequences of a batch: HWSIM_THREADS, else the processors this process may use."""
    text = os.environ.get(THREADS_VARIABLE)
    if not text:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not text.isdecimal() or not 1 <= int(text) <= 1024:
        raise HwsimError(f"{THREADS_VARIABLE} is {text!r}; a number of threads lies in 1..1024")
    return int(text)


def _known(name: str, where: str = "") -> str:
    if name in available():
        return name
    missing = (
        "" if len(available()) > 1 else "; the C kernels are not built: reinstall hwsim with a C compiler"
    )
    raise HwsimError(
        f"{where}backend {name!r} does not run here; choose one of {', '.join(available())}{missing}"
    )
