"""What a module takes on an FPGA, counted by yosys after mapping."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from hwsim.errors import HwsimError
from hwsim.synth import yosys

FAMILIES = ("ecp5", "ice40")


@dataclass(frozen=True)
class Area:
    """Cells of a module, everything in it counted."""

    multipliers: int
    """Multiplications of two signals in the source, before anything is mapped."""
    dsp: int
    """Hard multipliers."""
    lut4: int
    """Four-input tables outside carry chains."""
    ccu2c: int
    """Carry cells: two bits each on ECP5, with two tables; one bit on iCE40 (SB_CARRY), without."""
    ff: int
    ebr: int
    """Block RAMs: of 18 kbit on ECP5, of 4 kbit on iCE40."""
    distributed: int
    """Small RAMs made of tables (ECP5: 16 words of 4 bits in four tables)."""
    tables: int
    """Four-input tables in all, those of the carry cells and small RAMs included."""

    def to_dict(self) -> dict[str, int]:
        """Ready for JSON."""
        return asdict(self)


def synthesize(
    module: str, parameters: Mapping[str, int], family: str = "ecp5", dsp: bool = False
) -> tuple[Area, dict[str, dict[str, object]]]:
    """Area of a module of hwsim, and its ports as yosys describes them in JSON.

    dsp: may use hard multipliers (only a module with a multiplication does). Raises HwsimError for an unknown
    module, family or parameter set, MissingToolError without yosys.
    """
    if family not in FAMILIES:
        raise HwsimError(f"no family {family!r}; choose one of {', '.join(FAMILIES)}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        before, after = folder / "before", folder / "after"
        hard = {"ecp5": "" if dsp else " -nodsp", "ice40": " -dsp" if dsp else ""}[family]
        yosys.run(
            [
                *yosys.read(module, parameters),
                *("proc", "flatten", "opt -full", "wreduce", "peepopt", "opt_clean"),
                f"tee -q -o {before} stat -json",
                f"write_json -noscopeinfo {folder / 'ports'}",
                f"synth_{family}{hard} -top {module}",
                f"tee -q -o {after} stat -json",
            ],
            f"{module} {dict(parameters)}",
        )
        return _count(family, yosys.cells(before), yosys.cells(after)), ports(folder / "ports", module)


def ports(netlist: Path, module: str) -> dict[str, dict[str, object]]:
    """{name: {direction, bits}} of the top module of a netlist in JSON."""
    import json

    modules = json.loads(netlist.read_text())["modules"]
    return dict(modules[module]["ports"])


def _count(family: str, before: Counter[str], after: Counter[str]) -> Area:
    multipliers = sum(before[cell] for cell in yosys.MULTIPLIERS)
    if family == "ice40":
        ff = sum(number for cell, number in after.items() if cell.startswith("SB_DFF"))
        ram = sum(number for cell, number in after.items() if cell.startswith("SB_RAM40_4K"))
        return Area(
            multipliers, after["SB_MAC16"], after["SB_LUT4"], after["SB_CARRY"], ff, ram, 0, after["SB_LUT4"]
        )
    return Area(
        multipliers,
        after["MULT18X18D"],
        after["LUT4"],
        after["CCU2C"],
        after["TRELLIS_FF"],
        after["DP16KD"],
        after["TRELLIS_DPR16X4"],
        after["LUT4"] + 2 * after["CCU2C"] + 4 * after["TRELLIS_DPR16X4"],
    )
