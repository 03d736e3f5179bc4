"""Verilog to a shared library that `hwsim.rtl.sim` loads: Verilator, a C++ compiler, and a cache.

Verilator's own makefiles are not used: they name tools that need not exist, and compile the run-time library
anew for each model. Here it is compiled once a machine, so a new model costs seconds.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from hwsim import rtl_tools
from hwsim.errors import HwsimError

HARNESS = Path(__file__).with_name("harness.cpp")
_COMPILE = (
    *("c++", "-std=c++17", "-O2", "-fPIC", "-fvisibility=hidden", "-pthread"),
    *("-DVERILATOR=1", "-DVM_COVERAGE=0", "-DVM_SC=0", "-DVM_TIMING=0"),
)
_COVERAGE = ("-UVM_COVERAGE", "-DVM_COVERAGE=1")
COVERAGE_VARIABLE = "HWSIM_RTL_COVERAGE"
"""An environment variable: the folder into which every simulation writes its line and toggle coverage."""

_RUNTIME = ("verilated.cpp", "verilated_threads.cpp", "verilated_vcd_c.cpp")
_PORT = re.compile(r"VL_(IN|OUT)(?:8|16|64|W)?\(&(\w+),(\d+),0(?:,\d+)?\);")


@dataclass(frozen=True)
class Port:
    """A port of the top module."""

    name: str
    width: int
    """In bits."""
    is_input: bool

    @property
    def bytes(self) -> int:
        """Bytes in which the harness carries its value: 1, 2, 4, 8 or a multiple of 4."""
        return next((size for size in (1, 2, 4, 8) if self.width <= 8 * size), -(-self.width // 32) * 4)


@dataclass(frozen=True)
class Model:
    """A compiled model."""

    library: Path
    ports: tuple[Port, ...]


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/hwsim`, by default `~/.cache/hwsim`. Deleting it costs only time; it keeps a limited
    number of models, the last used ones."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "hwsim"


KEPT = 1000
"""Entries of the cache that stay, those used last; a model is two of them, with its lock."""


def _sweep(folder: Path) -> None:
    """Remove what was used longest ago. A library that is in use elsewhere stays loaded."""
    used: list[tuple[float, Path]] = []
    for path in folder.iterdir():
        with suppress(FileNotFoundError):  # another process sweeps, too
            used.append((path.lstat().st_mtime, path))
    for _, path in sorted(used, reverse=True)[KEPT:]:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


@contextmanager
def _made(folder: Path) -> Iterator[Path | None]:
    """Yield an empty folder to fill that becomes `folder` on success, or None if `folder` is already there.

    Safe when several processes want the same one: the first makes it, the others wait for it.
    """
    if folder.exists():
        with suppress(OSError):  # a cache that cannot be written is good enough for what is in it
            os.utime(folder)
        yield None
        return
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.with_suffix(".lock").touch()
    except OSError as error:
        raise HwsimError(
            f"compiled Verilog cannot be kept in {folder.parent} ({error.strerror}); "
            "set XDG_CACHE_HOME to a folder that can be written"
        ) from error
    with open(folder.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.exists():
            yield None
            return
        with tempfile.TemporaryDirectory(dir=folder.parent) as made:
            making = Path(made) / "made"
            making.mkdir()
            yield making
            making.rename(folder)
        _sweep(folder.parent)


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps([str(part) for part in parts]).encode()).hexdigest()[:20]


@dataclass(frozen=True)
class _Tools:
    environment: Mapping[str, str]
    root: Path
    """VERILATOR_ROOT: its headers and the sources of its run-time library."""
    verilator: str
    version: str

    @classmethod
    def find(cls) -> _Tools:
        environment = rtl_tools.verilator_environment()
        rtl_tools.require("c++", "verilator_bin", environment=environment)
        verilator = str(shutil.which("verilator_bin", path=environment["PATH"]))
        version = subprocess.run(
            [verilator, "--version"], env=environment, capture_output=True, text=True
        ).stdout
        return cls(environment, Path(environment["VERILATOR_ROOT"]), verilator, version)

    def run(self, command: Sequence[str | Path], what: str, folder: Path) -> None:
        """Run a tool in `folder`. Raises HwsimError with its first error and the end of what it said."""
        done = subprocess.run([*command], env=self.environment, capture_output=True, text=True, cwd=folder)
        if done.returncode:
            errors = [line for line in done.stderr.splitlines() if "rror" in line]
            raise HwsimError(f"{what} failed: {errors[0] if errors else 'no message'}\n{done.stderr[-4000:]}")

    def compile(self, arguments: Sequence[str | Path], waves: bool, folder: Path) -> None:
        """Run the C++ compiler with Verilator's headers."""
        includes = [f"-I{self.root / 'include'}", f"-I{self.root / 'include' / 'vltstd'}"]
        defines = [f"-DVM_TRACE={int(waves)}", f"-DVM_TRACE_VCD={int(waves)}"]
        self.run([*_COMPILE, *defines, *includes, *arguments], "the C++ compiler", folder)

    def runtime(self) -> list[Path]:
        """Objects of Verilator's run-time library."""
        folder = cache_folder() / f"runtime-{_digest(self.version, self.root, _COMPILE)}"
        with _made(folder) as making:
            if making:
                for source in _RUNTIME:
                    self.compile(["-c", self.root / "include" / source], True, making)
        return [folder / Path(name).with_suffix(".o") for name in _RUNTIME]


def compile_model(
    toplevel: str, sources: Sequence[Path], parameters: Mapping[str, int] | None = None, waves: bool = False
) -> Model:
    """The compiled model of module `toplevel`; taken from the cache if nothing it depends on has changed.

    sources: the Verilog files; parameters: values of the top module's parameters; waves: able to write VCD
    (slower). Raises MissingToolError without Verilator or a C++ compiler, and HwsimError with the tool's own
    message if the Verilog is wrong or refuses these parameters.
    """
    tools = _Tools.find()
    parameters = dict(parameters or {})
    texts = [(path.name, path.read_text()) for path in sources]
    coverage = _COVERAGE if os.environ.get(COVERAGE_VARIABLE) else ()
    made_by = tools.version, tools.root, _COMPILE, HARNESS.read_text(), *coverage
    folder = (
        cache_folder() / f"{toplevel}-{_digest(toplevel, texts, sorted(parameters.items()), waves, *made_by)}"
    )
    with _made(folder) as making:
        if making:
            ports = _verilate(tools, toplevel, sources, parameters, waves, making)
            (making / "ports.json").write_text(json.dumps([asdict(port) for port in ports]))
    ports = [Port(**port) for port in json.loads((folder / "ports.json").read_text())]
    return Model(folder / "model.so", tuple(ports))


def _verilate(
    tools: _Tools,
    toplevel: str,
    sources: Sequence[Path],
    parameters: Mapping[str, int],
    waves: bool,
    folder: Path,
) -> list[Port]:
    """Write `folder`/model.so; returns its ports."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as name:
        scratch = Path(name)
        switches = ["--cc", "--no-timing", "--x-initial", "unique", "--prefix", "Vtop", "--Mdir", name]
        switches += ["--trace"] if waves else []
        coverage = bool(os.environ.get(COVERAGE_VARIABLE))
        switches += ["--coverage-line", "--coverage-toggle"] if coverage else []
        values = [f"-G{parameter}={value}" for parameter, value in parameters.items()]
        verilog = [path.resolve() for path in sources]
        command: list[str | Path] = [tools.verilator, *switches, "--top-module", toplevel, *values, *verilog]
        tools.run(command, f"Verilator on {toplevel} {dict(parameters)}", scratch)
        ports = read_ports((scratch / "Vtop.h").read_text())
        (scratch / "ports.inc").write_text("".join(f"PORT({port.name})\n" for port in ports))
        # One translation unit: these models are small, and reading the headers once is what takes the time.
        written = sorted(path.name for path in scratch.glob("Vtop*.cpp"))
        unit = scratch / "everything.cpp"
        unit.write_text("".join(f'#include "{path}"\n' for path in [*written, HARNESS]))
        made_of: list[str | Path] = [unit, *tools.runtime()]
        made_of += [*_COVERAGE, tools.root / "include" / "verilated_cov.cpp"] if coverage else []
        tools.compile([f"-I{scratch}", "-shared", *made_of, "-o", folder / "model.so"], waves, scratch)
    return ports


def read_ports(header: str) -> list[Port]:
    """The ports that a verilated header declares."""
    return [Port(name, int(high) + 1, kind == "IN") for kind, name, high in _PORT.findall(header)]
