"""A module's cost in numbers: one JSON record, with the tools that made it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hwsim.errors import HwsimError
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
    watch: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Area and, on ECP5 and for each seed, the clock that a module reaches.

    seeds: of placement; none: area only. watch: told what is going on. Raises as `synthesize` and `place`.
    """
    if seeds and family != "ecp5":
        raise HwsimError(f"place and route is offered for ecp5, not for {family}; ask for 0 seeds")
    if seeds:
        place.require()
    watch("yosys")
    area, ports = synthesize(module, parameters, family, dsp)
    record: dict[str, Any] = {
        "module": module,
        "parameters": dict(parameters),
        "family": family,
        "hard_multipliers": dsp,
        **area.to_dict(),
        "tools": [yosys.version()],
    }
    if not seeds:
        return record
    part = place.smallest_part(area)
    watch(f"nextpnr, {part}")
    placed = place.place(
        module, parameters, ports, part, seeds, dsp, lambda one: watch(f"seed {one.seed}: {one.fmax_mhz} MHz")
    )
    return record | timing(placed)


def timing(placed: Sequence[Placed]) -> dict[str, Any]:
    """What the runs of nextpnr add to a record; the critical path is that of the slowest seed."""
    slowest = min(placed, key=lambda one: one.fmax_mhz)
    return {
        "part": slowest.part,
        "speed_grade": place.SPEED_GRADE,
        "seeds": [one.seed for one in placed],
        "fmax_mhz": [one.fmax_mhz for one in placed],
        "critical_path": [
            {"kind": step.kind, "ns": round(step.delay, 2), "net": step.net, "to": step.cell}
            for step in slowest.path
        ],
        "routing_share": round(slowest.routing, 2),
        "tools": [yosys.version(), place.version()],
    }


def summary(record: Mapping[str, Any]) -> tuple[str, ...]:
    """A row of the table of costs: COLUMNS."""
    values = " ".join(f"{name} {value}" for name, value in record["parameters"].items())
    clocks = record.get("fmax_mhz", ())
    return (
        f"{record['module']} {values}".rstrip(),
        *(f"{record[name]:,}" for name in ("lut4", "ccu2c", "tables", "ff", "ebr", "dsp", "multipliers")),
        ", ".join(f"{clock:.0f}" for clock in clocks) or "-",
    )


COLUMNS = ("module", "LUT4", "CCU2C", "tables", "FF", "EBR", "DSP", "multipliers", "Fmax MHz by seed")

__all__ = ["COLUMNS", "SEEDS", "Area", "cost", "summary", "timing"]
