"""What a test asks for: a design, its parameters, a simulator. Marks are merged and swept here."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hwsim.errors import HwsimError

if TYPE_CHECKING:
    import pytest

SIMULATORS = ("verilator", "icarus")

KEYS = (
    "toplevel",
    "sources",
    "parameters",
    "simulators",
    "includes",
    "defines",
    "build_args",
    "plusargs",
    "timescale",
    "timeout",
)
"""The keyword arguments of the mark `cocotb` and of the fixture `cosim`."""

PARAMETERS_VARIABLE = "HWSIM_RTL_PARAMETERS"
"""The environment variable by which a simulated test learns the parameters it was built with."""

HEADERS = (".vh", ".svh", ".h", ".hex", ".mem")
"""Files beside the sources and in include folders that may be read when a design is built."""


@dataclass(frozen=True)
class Design:
    """One model on one simulator: all that decides what is built and how it is run."""

    toplevel: str
    sources: tuple[Path, ...]
    simulator: str = "verilator"
    parameters: tuple[tuple[str, Any], ...] = ()
    includes: tuple[Path, ...] = ()
    defines: tuple[tuple[str, Any], ...] = ()
    build_args: tuple[str, ...] = ()
    plusargs: tuple[str, ...] = ()
    timescale: tuple[str, str] = ("1ns", "1ps")
    timeout: int = 600
    waves: bool = False
    coverage: bool = False

    def digest(self) -> str:
        """A short name for the choice of model, whatever its files contain."""
        built = dataclasses.replace(self, plusargs=(), timeout=0)
        return hashlib.sha256(repr(built).encode()).hexdigest()[:10]

    def contents(self) -> str:
        """A hash of everything the model is built from: choice, source files, include folders."""
        beside = {
            file for source in self.sources for file in source.parent.glob("*") if file.suffix in HEADERS
        }
        below = {file for folder in self.includes for file in folder.rglob("*") if file.suffix in HEADERS}
        files = [*self.sources, *sorted(beside | below)]
        stamps = [(str(file), hashlib.sha256(file.read_bytes()).hexdigest()) for file in files]
        return hashlib.sha256(repr((self.digest(), stamps)).encode()).hexdigest()

    def parameters_json(self) -> str:
        """The parameters as the simulated test reads them back."""
        return json.dumps(dict(self.parameters))


def merge_marks(node: pytest.Item | pytest.Collector, nearest: Sequence[pytest.Mark] = ()) -> dict[str, Any]:
    """The options of all marks `cocotb` that hold for a node: the nearest mark wins, key by key."""
    options: dict[str, Any] = {}
    marks = [
        *reversed(list(node.iter_markers("cocotb"))),
        *(mark for mark in nearest if mark.name == "cocotb"),
    ]
    for mark in marks:
        if mark.args:
            raise HwsimError("the mark cocotb takes keyword arguments only")
        options |= mark.kwargs
    return options


def chosen_simulators(options: Mapping[str, Any], simulator: str | None) -> list[str]:
    """The simulators that options ask for; without any the one of the command line, or Verilator."""
    names = _strings("simulators", options.get("simulators") or simulator or SIMULATORS[0])
    for name in names:
        if name not in SIMULATORS:
            raise HwsimError(f"unknown simulator {name!r}; there are {', '.join(SIMULATORS)}")
    return names


def designs(
    options: Mapping[str, Any],
    folder: Path,
    simulator: str | None,
    waves: bool = False,
    coverage: bool = False,
) -> list[tuple[str, Design]]:
    """All designs that merged mark options ask for, each with the text that names it in a test's id.

    folder: relative paths start here. simulator: the one given on the command line, or None.
    Raises HwsimError for an unknown or missing option, a missing file or an impossible value.
    """
    unknown = sorted(set(options) - set(KEYS))
    if unknown:
        raise HwsimError(f"unknown option {unknown[0]!r} of the mark cocotb; there are {', '.join(KEYS)}")
    for needed in ("toplevel", "sources"):
        if not options.get(needed):
            raise HwsimError(f"the mark cocotb needs {needed}=")
    sets = list(_sweep(options.get("parameters") or {}))
    result = []
    for name, (label, parameters) in itertools.product(chosen_simulators(options, simulator), sets):
        extra = options.get("build_args") or ()
        if isinstance(extra, Mapping):
            extra = extra.get(name, ())
        design = Design(
            toplevel=options["toplevel"],
            sources=tuple(_sources(options["sources"], folder, name)),
            simulator=name,
            parameters=tuple((key, _parameter(key, value)) for key, value in parameters.items()),
            includes=tuple(_existing(folder / path) for path in _paths(options.get("includes") or ())),
            defines=tuple((options.get("defines") or {}).items()),
            build_args=tuple(_strings("build_args", extra)),
            plusargs=tuple(_strings("plusargs", options.get("plusargs") or ())),
            timescale=tuple(options.get("timescale") or Design.timescale),
            timeout=int(options.get("timeout") or Design.timeout),
            waves=waves,
            coverage=coverage and name == "verilator",
        )
        result.append(("-".join([name, *label]), design))
    return result


def _sweep(
    parameters: Mapping[str, Any] | Sequence[Mapping[str, Any]],
) -> Iterator[tuple[list[str], dict[str, Any]]]:
    """Parameter sets with their labels: a list as a value is swept, a list of sets is taken one by one."""
    if not isinstance(parameters, Mapping):
        for one in parameters:
            for _, values in _sweep(one):
                yield [f"{key}={value}" for key, value in values.items()], values
        return
    swept = [key for key, value in parameters.items() if isinstance(value, list | tuple | range)]
    for chosen in itertools.product(*(parameters[key] for key in swept)):
        values = {**parameters, **dict(zip(swept, chosen, strict=True))}
        yield [f"{key}={values[key]}" for key in swept], values


def _parameter(name: str, value: Any) -> Any:
    if isinstance(value, bool | float | str):
        return value
    try:
        return operator.index(value)
    except TypeError:
        raise HwsimError(
            f"parameter {name} is {value!r}; expected an integer, bool, float or string"
        ) from None


def _sources(patterns: Any, folder: Path, simulator: str) -> Iterator[Path]:
    for pattern in _paths(patterns):
        if "*" in pattern.name:
            found = sorted((folder / pattern.parent).glob(pattern.name))
            if not found:
                raise HwsimError(f"no source file matches {folder / pattern}")
        else:
            found = [_existing(folder / pattern)]
        # Verilator's control files mean nothing to other simulators.
        yield from (file.resolve() for file in found if simulator == "verilator" or file.suffix != ".vlt")


def _existing(path: Path) -> Path:
    if not path.exists():
        raise HwsimError(f"{path} does not exist")
    return path.resolve()


def _paths(value: Any) -> Iterable[Path]:
    return [Path(value)] if isinstance(value, str | Path) else [Path(path) for path in value]


def _strings(what: str, value: Any) -> list[str]:
    strings = [value] if isinstance(value, str) else list(value)
    if not all(isinstance(text, str) for text in strings):
        raise HwsimError(f"{what} holds {strings}; expected strings")
    return strings
