"""Makes docs/runtimes.json and the tables in docs/runtimes.md and docs/c99.md: python docs/runtimes.py

Runs the shipped ticket on directed and random inputs and on SST-2's dev set (HWSIM_DATA) in every runtime;
all of them must be installed.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from hwsim import load_ticket, markdown, tickets
from hwsim.c99 import generate
from hwsim.c99.build import CORTEX_M4, sizes
from hwsim.files import write_atomic

DOCS = Path(__file__).parent
JSON = DOCS / "runtimes.json"
MARK = "made by docs/runtimes.py"
"""Before the table of a page."""
COMMAND = ("runtimes", "sst2-tiny", "--inputs", "64", "--task", "sst2", "--split", "dev")
KEPT = ("name", "version", "loads", "exact", "first_difference", "missing", "error", "profile", "sequences")


def measure() -> dict[str, Any]:
    """Rows of both profiles without their times, which would need a quiet machine; sizes of the C builds."""
    rows = []
    for profile in ("portable", "fast"):
        command = [sys.executable, "-m", "hwsim", *COMMAND, "--profile", profile, "--json"]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        rows += [{key: row[key] for key in KEPT} for row in json.loads(done.stdout)]
    c99 = {}
    for name in tickets.shipped():
        made = generate(load_ticket(name))
        c99[name] = {
            "constants": made.flash,
            "code": sizes(made)["code"],
            "cortex_m4_code": sizes(made, CORTEX_M4)["code"],
            "ram": made.ram,
        }
    return {
        "command": f"hwsim {' '.join(COMMAND)}",
        "ticket": load_ticket("sst2-tiny").digest(),
        "runtimes": rows,
        "c99": c99,
    }


def matrix(rows: list[dict[str, Any]]) -> str:
    """The support matrix as Markdown."""
    names = dict.fromkeys(row["name"] for row in rows)
    by = {(row["name"], row["profile"]): row for row in rows}
    lines = []
    for name in names:
        pair = by[name, "portable"], by[name, "fast"]
        # The C build has no profile.
        cells = [_cell(pair[0]), "as portable" if name == "c99" else _cell(pair[1])]
        lines.append((f"`{name}`", pair[0]["version"] or "", *cells))
    return markdown.table(("runtime", "version", "portable", "fast"), lines)


def _cell(row: dict[str, Any]) -> str:
    if row["missing"]:
        return "missing"
    if row["exact"]:
        return f"exact, {row['sequences']} sequences"
    if row["first_difference"]:
        return f"**differs**, first in `{row['first_difference']['tensor']}`"
    return "**fails**"


def memory(found: dict[str, dict[str, int]]) -> str:
    """The sizes of the C builds as Markdown."""
    lines = []
    for name, size in found.items():
        lines.append((name, *(f"{size[key]:,}" for key in ("constants", "code", "cortex_m4_code", "ram"))))
    return markdown.numbers(("ticket", "constants", "code, x86-64", "code, Cortex-M4", "RAM"), lines)


def write_pages(found: dict[str, Any]) -> None:
    """Put both tables in."""
    for page, table in (("runtimes.md", matrix(found["runtimes"])), ("c99.md", memory(found["c99"]))):
        write_atomic(DOCS / page, markdown.fill((DOCS / page).read_text(), {MARK: table}))


if __name__ == "__main__":
    found = measure()
    write_atomic(JSON, json.dumps(found, indent=1) + "\n")
    write_pages(found)
