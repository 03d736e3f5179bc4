"""What the numbers were measured on: processor, versions, threads, and energy counters if it shows any."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from hwsim import backend, native

FEATURES = ("avx2", "fma", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8", "asimd", "asimddp", "i8mm")
PACKAGES = ("numpy", "onnxruntime", "torch")
RAPL = Path("/sys/class/powercap")


def processor(path: Path = Path("/proc/cpuinfo")) -> dict[str, Any]:
    """Name, the features that matter here, and the clock that the system reports, if it does (MHz)."""
    lines = path.read_text().splitlines() if path.exists() else []
    known = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    flags = set((known.get("flags") or known.get("Features") or "").split())
    name = known.get("model name") or platform.processor() or platform.machine()
    clock = float(known["cpu MHz"]) if "cpu MHz" in known else None
    return {"name": name, "features": [flag for flag in FEATURES if flag in flags], "megahertz": clock}


def words(record: dict[str, Any]) -> str:
    """What the numbers of a record were measured on, in a sentence or two."""
    about, versions = record["processor"], record["versions"]
    clock = f", {about['megahertz']:.0f} MHz as the system reports" if about["megahertz"] else ""
    threads = f"{record['threads']} thread of {record['processors']} processors"
    return (
        f"{about['name']} ({', '.join(about['features'])}{clock}), kernels {record['kernels']}, {threads}. "
        f"Python {record['python']}, {', '.join(f'{name} {value}' for name, value in versions.items())}."
    )


def about(name: str) -> dict[str, Any]:
    """The head of a record."""
    return {
        "processor": processor(),
        "python": platform.python_version(),
        "compiler_of_python": platform.python_compiler(),
        "versions": {package: version(package) for package in PACKAGES},
        "threads": 1,
        "processors": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "kernels": name,
        "kernels_here": list(native.NAMES),
        "backend": backend.current(),
    }


def counters(folder: Path = RAPL) -> list[Path]:
    """RAPL's readable energy counters of whole packages."""
    found = []
    for path in sorted(folder.glob("intel-rapl:?/energy_uj")):
        try:
            path.read_text()
        except OSError:
            continue
        found.append(path)
    return found


def energy(calls: dict[str, Callable[[], Any]], seconds: float, folder: Path = RAPL) -> dict[str, Any]:
    """Joules a call of the whole package, idle power included; or why there are none."""
    paths = counters(folder)
    if not paths:
        return {"missing": "not measured: this machine shows no RAPL counter"}
    found: dict[str, Any] = {}
    for name, run in calls.items():
        before, start, count = [int(path.read_text()) for path in paths], time.perf_counter(), 0
        while not count or time.perf_counter() - start < seconds:
            run()
            count += 1
        used = [_used(path, low) for path, low in zip(paths, before, strict=True)]
        found[name] = sum(used) / 1e6 / count
    return {"joules": found}


def _used(path: Path, before: int) -> int:
    """Microjoules since `before`, also where the counter began again in between."""
    after = int(path.read_text())
    return (
        after - before
        if after >= before
        else after - before + int(path.with_name("max_energy_range_uj").read_text())
    )
