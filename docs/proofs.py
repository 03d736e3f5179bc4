"""Fills the tables of docs/proofs.md from the record of mutants: python docs/proofs.py.

Every survivor needs a reason here; without one the page is not made.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hwsim.errors import HwsimError
from hwsim.files import read_record, write_atomic
from hwsim.synth.table import fill, markdown

DOCS = Path(__file__).parent
PAGE, MUTATION = DOCS / "proofs.md", DOCS / "rtl_mutation.json"

SURVIVORS: Sequence[tuple[str, str, str]] = (
    ("segment_table", "{3'd0, new_q[10:6], 3'd0", "bits 7:5 of a lane's byte are read by nobody"),
    ("sequence_memory", "assign padded = ", "words of groups that such a memory has not are never chosen"),
    (
        "row_engine",
        "step_q  <= 3'd0;",
        "where such a step arrives, the clearing of that reset arrives, too, and wins",
    ),
    ("token_lane", "y_o[14:0] < minimum_q) minimum_q <= y_o", "an equal minimum is replaced by itself"),
    (
        "sequence_memory",
        "if (Depth < 64 ||",
        "found by `test_lint.py`, which asks for 32 words and is not among the mutants' checks",
    ),
)
"""Module, a part of the line that was changed, why no check can tell."""


def reason(known: Sequence[tuple[str, str]], what: str) -> str:
    """The first reason whose pattern is found. Raises HwsimError if there is none."""
    for pattern, why in known:
        if re.search(pattern, what):
            return why
    raise HwsimError(f"{what}: no reason in docs/proofs.py; give one, or a test that needs none")


def mutants(record: Mapping[str, Any]) -> str:
    """Killed by module, and by what."""
    rows = [(f"`{name}`", str(one["mutants"]), str(one["killed"])) for name, one in record["modules"].items()]
    rows.append(("all", str(record["mutants"]), f"{record['killed']} ({100 * record['score']:.1f} %)"))
    by = ", ".join(f"`{name}` {number}" for name, number in record["killed_by"].items())
    return f"{markdown(('module', 'mutants', 'killed'), rows)}\n\nBy: {by}."


def survivors(record: Mapping[str, Any]) -> str:
    """What no check noticed, and why."""
    known = [(f"^{module} .*{re.escape(part)}", why) for module, part, why in SURVIVORS]
    rows = []
    for one in record["survivors"]:
        before, after = one["before"], one["after"]
        change = f"`{before}` becomes `{after}`" if after not in ("", ";") else f"without `{before}`"
        why = reason(known, f"{one['module']} {one['text']}")
        rows.append((f"`{one['module']}` {one['line']}:{one['column']}", change, why))
    return markdown(("survivor", "change", "why no check can tell"), rows) if rows else "None."


def tables() -> dict[str, str]:
    """By marker."""
    killed = read_record(MUTATION)
    return {"mutants": mutants(killed), "survivors": survivors(killed)}


if __name__ == "__main__":
    write_atomic(PAGE, fill(PAGE.read_text(), tables()))
