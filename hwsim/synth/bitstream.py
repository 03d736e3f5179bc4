"""The bitstream of the board-level top: yosys, nextpnr with the board's pins, ecppack."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hwsim.files import write_atomic
from hwsim.rtl import modules
from hwsim.synth import place, yosys

BOARD = "ulx3s"
PARTS = tuple(place.PARTS)
CLOCK_MHZ = 25


def bitstream(path: Path, parameters: Mapping[str, int], part: str = "85k", seed: int = 1) -> dict[str, Any]:
    """Write the bitstream of the ULX3S board with so large an ECP5; returns a record of it.

    Raises HwsimError if it does not fit or misses the board's 25 MHz, MissingToolError without the tools.
    """
    place.require()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pins = modules()[BOARD].with_suffix(".lpf")
        # nextpnr sees its own folder only.
        (folder / pins.name).write_bytes(pins.read_bytes())
        netlist, report, text, bits = (folder / one for one in ("netlist", "report", "config", "bits"))
        passes = [f"synth_ecp5 -nodsp -top {BOARD}", f"write_json {netlist}"]
        yosys.run([*yosys.read(BOARD, parameters), *passes], f"{BOARD} {dict(parameters)}")
        place.tool(
            "nextpnr_ecp5",
            *(f"--{part}", "--package", "CABGA381", "--speed", place.SPEED_GRADE, "--seed", seed, "--quiet"),
            *("--json", netlist.name, "--lpf", pins.name),
            *("--textcfg", text.name, "--report", report.name),
            folder=folder,
        )
        place.tool("ecppack", "--compress", "--input", text.name, "--bit", bits.name, folder=folder)
        placed = place.read_report(json.loads(report.read_text()), part, seed)
        write_atomic(path, bits.read_bytes())
    return {
        "board": BOARD,
        "parameters": dict(parameters),
        "part": part,
        "seed": seed,
        "clock_mhz": CLOCK_MHZ,
        "fmax_mhz": placed.fmax_mhz,
        "bytes": path.stat().st_size,
        "tools": [yosys.version(), place.version()],
    }
