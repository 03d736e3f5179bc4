"""Fills the tables of docs/proofs.md from the records of coverage and mutants: python docs/proofs.py.

Every hole needs a reason in docs/rtl_holes.toml, every survivor one here; without them the page is not made.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hwsim.errors import HwsimError
from hwsim.files import read_record, write_atomic
from hwsim.markdown import fill, numbers
from hwsim.rtl import modules as verilog
from hwsim.rtl import sources

DOCS = Path(__file__).parent
PAGE, MUTATION, COVERAGE = DOCS / "proofs.md", DOCS / "rtl_mutation.json", DOCS / "rtl_coverage.json"
HOLES = DOCS / "rtl_holes.toml"
KINDS = ("line", "toggle")

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
    raise HwsimError(f"{what}: no reason in docs/; give one, or a test that needs none")


def measured() -> dict[str, Any]:
    """The record of coverage, without the benches that a test has around a module."""
    return {module: kinds for module, kinds in read_record(COVERAGE).items() if module in verilog()}


def totals(record: Mapping[str, Any], modules: Iterable[str]) -> dict[str, tuple[int, int]]:
    """By kind, of these modules together: points that were reached, points."""
    chosen = [record[module] for module in modules]
    return {
        kind: (sum(one[kind]["covered"] for one in chosen), sum(one[kind]["total"] for one in chosen))
        for kind in KINDS
    }


def coverage(record: Mapping[str, Any]) -> str:
    """Shares by module, of the accelerator, and of all."""
    core = [path.stem for path in sources("accelerator")]
    named = [(f"`{module}`", [module]) for module in record]
    rows = []
    for name, modules in (*named, ("the accelerator", core), ("all", list(record))):
        cells = [name]
        for covered, total in totals(record, modules).values():
            share = f"{100 * covered / total:.1f} %" if total else "-"
            cells += [f"{covered:,} of {total:,}" if total else "-", share]
        rows.append(cells)
    return numbers(("module", "line", "", "toggle", ""), rows)


def holes(record: Mapping[str, Any]) -> str:
    """What was not reached, by reason."""
    entries = tomllib.loads(HOLES.read_text())["hole"]
    known = [(f"^(?:{one['modules']}) (?:{one['what']})", one["why"]) for one in entries]
    found: dict[str, list[str]] = {why: [] for _, why in known}
    for module, kinds in record.items():
        for hole in (*kinds["line"]["holes"], *kinds["toggle"]["holes"]):
            place, what = hole.split(" ", 1)
            shown = what.removesuffix(")").replace(" (", ", ")
            found[reason(known, f"{module} {what}")].append(f"`{module}` {place.rsplit(':')[-1]}: {shown}")
    return "\n\n".join(f"*{why}*: {'; '.join(places)}." for why, places in found.items() if places)


def mutants(record: Mapping[str, Any]) -> str:
    """Killed by module, and by what."""
    rows = [(f"`{name}`", str(one["mutants"]), str(one["killed"])) for name, one in record["modules"].items()]
    rows.append(("all", str(record["mutants"]), f"{record['killed']} ({100 * record['score']:.1f} %)"))
    by = ", ".join(f"`{name}` {number}" for name, number in record["killed_by"].items())
    return f"{numbers(('module', 'mutants', 'killed'), rows)}\n\nBy: {by}."


def survivors(record: Mapping[str, Any]) -> str:
    """What no check noticed, and why."""
    known = [(f"^{module} .*{re.escape(part)}", why) for module, part, why in SURVIVORS]
    rows = []
    for one in record["survivors"]:
        before, after = one["before"], one["after"]
        change = f"`{before}` becomes `{after}`" if after not in ("", ";") else f"without `{before}`"
        why = reason(known, f"{one['module']} {one['text']}")
        rows.append((f"`{one['module']}` {one['line']}:{one['column']}", change, why))
    return numbers(("survivor", "change", "why no check can tell"), rows) if rows else "None."


def tables() -> dict[str, str]:
    """By marker."""
    killed, covered = read_record(MUTATION), measured()
    return {
        "coverage": coverage(covered),
        "holes": holes(covered),
        "mutants": mutants(killed),
        "survivors": survivors(killed),
    }


if __name__ == "__main__":
    write_atomic(PAGE, fill(PAGE.read_text(), tables()))
