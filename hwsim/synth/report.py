"""A module's cost in numbers: one JSON record, with the tools that made it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hwsim.errors import HwsimError
from hwsim.rtl import sources
from hwsim.synth import place, yosys
from hwsim.synth.area import Area, synthesize
from hwsim.synth.place import Placed

SEEDS = (1, 2, 3)


def cost(
    module: str,
    parameters: Mapping[str, int],
    family: str = "ecp5",
    seeds: Sequence[int] = SEEDS,
    dsp: bool = False,
    part: str | None = None,
    watch: Callable[[str], None] = lambda text: None,
    known: Mapping[str, Any] | None = None,
    keep: Callable[[Mapping[str, Any]], None] = lambda record: None,
) -> dict[str, Any]:
    """Area and, on ECP5 and for each seed, the clock that a module reaches.

    seeds: of placement; none: area only. part: of `place.PARTS`; by itself that of `known`, or the smallest
    that holds it. watch: told what is going on. keep: given the record after each.
    known: a record to go on with; its seeds are not run again if Verilog, parameters, and tools are the same
    (and the part, if one is given). Raises as `synthesize` and `place`.
    """
    if seeds and family != "ecp5":
        raise HwsimError(f"place and route is offered for ecp5, not for {family}; ask for 0 seeds")
    if part not in (None, *place.PARTS):
        raise HwsimError(f"no part {part!r}; choose one of {', '.join(place.PARTS)}")
    if seeds:
        place.require()
    head = {
        "module": module,
        "parameters": dict(parameters),
        "family": family,
        "hard_multipliers": dsp,
        "verilog": _digest(module),
        "tools": [yosys.version(), *([place.version()] if seeds else [])],
    }
    asked = head | ({"part": part} if seeds and part else {})
    if known is None or any(known.get(name) != value for name, value in asked.items()):
        known = {}
    todo = [seed for seed in seeds if seed not in known.get("seeds", ())]
    if known and not todo:
        return dict(known)
    watch("yosys")
    area, ports = synthesize(module, parameters, family, dsp)
    record: dict[str, Any] = {**head, **area.to_dict(), **known}
    if not todo:
        return record
    part = part or known.get("part") or place.smallest_part(area)
    watch(f"nextpnr, {part}")

    def placed(one: Placed) -> None:
        nonlocal record
        record = with_seed(record, one)
        watch(f"seed {one.seed}: {one.fmax_mhz} MHz")
        keep(record)

    place.place(module, parameters, ports, part, todo, dsp, placed)
    return record


def with_seed(record: Mapping[str, Any], placed: Placed) -> dict[str, Any]:
    """The record with one more run of nextpnr; its critical path is that of the slowest seed."""
    clocks = record.get("fmax_mhz", [])
    result = {
        **record,
        "part": placed.part,
        "speed_grade": place.SPEED_GRADE,
        "seeds": [*record.get("seeds", []), placed.seed],
        "fmax_mhz": [*clocks, placed.fmax_mhz],
    }
    if not clocks or placed.fmax_mhz < min(clocks):
        result["critical_path"] = [
            {"kind": step.kind, "ns": round(step.delay, 2), "net": step.net, "to": step.cell}
            for step in placed.path
        ]
        result["routing_share"] = round(placed.routing, 2)
    return result


def _digest(module: str) -> str:
    """Of the Verilog that a module is made of."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources(module))).hexdigest()[:16]


def summary(record: Mapping[str, Any]) -> tuple[str, ...]:
    """A row of the table of costs: COLUMNS."""
    values = " ".join(f"{name} {value}" for name, value in record["parameters"].items())
    clocks = record.get("fmax_mhz", ())
    return (
        f"{record['module']} {values}".rstrip(),
        *(f"{record[name]:,}" for name in ("lut4", "ccu2c", "tables", "ff", "ebr", "dsp", "multipliers")),
        record.get("part", "-"),
        ", ".join(f"{clock:.0f}" for clock in clocks) or "-",
    )


COLUMNS = ("module", "LUT4", "CCU2C", "tables", "FF", "EBR", "DSP", "multipliers", "part", "Fmax MHz by seed")

__all__ = ["COLUMNS", "SEEDS", "Area", "cost", "summary", "with_seed"]
