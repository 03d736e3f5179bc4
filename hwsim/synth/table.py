"""The tables of docs/synthesis.md, from the records in `rtl/synthesis/` and `rtl/baseline/comparison.json`.

    python -m hwsim.synth.table

writes them between their markers in the page.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hwsim.files import read_record, write_atomic
from hwsim.markdown import fill, numbers
from hwsim.synth.report import COLUMNS, summary

ROOT = Path(__file__).parents[2]
RECORDS = ROOT / "rtl" / "synthesis"
COMPARISON = ROOT / "rtl" / "baseline" / "comparison.json"
PAGE = ROOT / "docs" / "synthesis.md"
CORES = {"inhibitor": "core16", "dot product": "dot16"}
"""The records whose areas the comparison weighs its cycles with."""


def records() -> list[dict[str, Any]]:
    """Every record, by file name."""
    return [read_record(path) for path in sorted(RECORDS.glob("*.json"))]


def costs(family: str) -> str:
    """What each recorded module takes."""
    return numbers(COLUMNS, [summary(record) for record in records() if record["family"] == family])


def comparison() -> str:
    """Cycles, energy, and area x time of both machines, relative to the inhibitor on the same weights."""
    found = read_record(COMPARISON)
    area = {name: read_record(RECORDS / f"{file}.json")["tables"] for name, file in CORES.items()}
    columns = (
        "machine, weights",
        "linear",
        "attention",
        "norm",
        "cycles",
        "kbit read",
        "nJ",
        "area x time",
    )
    rows, base = [], 1.0
    for row in found["rows"]:
        product = row["cycles"] * area[row["machine"]]
        base = product if row["machine"] == "inhibitor" else base
        cycles = [f"{row[name]:,}" for name in ("linear", "attention", "norm", "cycles")]
        rows.append(
            (
                f"{row['machine']}, {row['weights']}",
                *cycles,
                f"{row['weight_bits'] / 1000:,.0f}",
                f"{row['nanojoules']['total']:,.0f}",
                f"{product / base:.2f}",
            )
        )
    return numbers(columns, rows)


def paths() -> str:
    """The critical path of the slowest seed of each placed module, in words."""
    rows = []
    for record in records():
        if "critical_path" not in record:
            continue
        path = record["critical_path"]
        total = sum(step["ns"] for step in path)
        ends = [re.sub(r"_(TRELLIS_FF|LUT4|PFUMX|CCU2C|L6MUX21)_.*", "", path[i]["to"]) for i in (0, -1)]
        shown = [end.split(".", 1)[-1] for end in ends]
        rows.append(
            (
                summary(record)[0],
                record["part"],
                f"{total:.1f}",
                f"{100 * record['routing_share']:.0f} %",
                f"{shown[0]} to {shown[1]}",
            )
        )
    return numbers(("module", "part", "ns", "of it wire", "from, to"), rows)


def tables() -> Mapping[str, str]:
    """By marker."""
    return {"ecp5": costs("ecp5"), "ice40": costs("ice40"), "comparison": comparison(), "paths": paths()}


if __name__ == "__main__":
    write_atomic(PAGE, fill(PAGE.read_text(), tables()))
