"""Fills the tables of docs/proofs.md from the records of coverage and mutants: python docs/proofs.py.

Every hole and every survivor needs a reason here; without one the page is not made.
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
PAGE, MUTATION, COVERAGE = DOCS / "proofs.md", DOCS / "rtl_mutation.json", DOCS / "rtl_coverage.json"

SURVIVORS: Sequence[tuple[str, str, str]] = (
    ("segment_table", "{3'd0, new_q[10:6], 3'd0", "bits 7:5 of a lane's byte are read by nobody"),
    (
        "row_engine",
        "step_q  <= 3'd0;",
        "where such a step arrives, the clearing of that reset arrives, too, and wins",
    ),
)
"""Module, a part of the line that was changed, why no check can tell."""

HOLES: Sequence[tuple[str, str, str]] = (
    (
        "accelerator|axi_lite_registers|sequencer",
        r"(cycles|stalls|runs)_",
        "Upper bits of the counters of clocks and runs, which no simulation is long enough for; "
        "`test_axi_lite_registers.py` shows that the registers pass all of them on",
    ),
    ("accelerator|axi_lite_registers", r"s_axil_rdata", "The same bits where they are read back"),
    (
        "accelerator|axi_lite_registers|operation_fetch|sequencer",
        r"(s_axil_rresp\[0\]|next_code(_i)?\[3\]|code_o\[3\])",
        "Always 0: responses are OKAY or SLVERR, and the program's error codes are 1 to 3",
    ),
    (
        "accelerator|axi_lite_registers",
        r"s_axil_a[wr]addr\[(0|1:0)\]",
        "Addresses inside words, refused at the whole accelerator by `replay.py` on Icarus",
    ),
    ("accelerator", r"g_stored.unused_|unused_", "Read by nobody"),
    ("accelerator", r"s_axis_w_tdata\[15", "Bits 15:9 of a weight beat mean nothing"),
    ("lane_output", r"fine\[4:2\]|extended\[0\]|low\[6:0\]", "Constant by construction"),
    ("row_engine", r"magnitude\[7\]", "Always 0: activations are symmetric, nothing writes -128"),
    ("operation_fetch", r"(read|behind)_q\[31:30\]", "Bits of a program word that mean nothing"),
    (
        ".*",
        r"(source_i|scalar_source|operand_source|operands|scalars|counted|destination_i|residual_address_i|"
        r"inner_q|outer_q|outer_end_q|feature_q|last_key|logit_q|(operands|scalars)_end_q|number_i|operation)\b",
        "Upper bits of addresses and counts that only longer programs and the largest memories need",
    ),
)
"""Module and hole as patterns, what they have in common."""


def reason(known: Sequence[tuple[str, str]], what: str) -> str:
    """The first reason whose pattern is found. Raises HwsimError if there is none."""
    for pattern, why in known:
        if re.search(pattern, what):
            return why
    raise HwsimError(f"{what}: no reason in docs/proofs.py; give one, or a test that needs none")


def coverage(record: Mapping[str, Any]) -> str:
    """Shares by module."""
    rows = []
    for module, kinds in record.items():
        cells = []
        for kind in ("line", "toggle"):
            share = kinds[kind]
            cells += [f"{share['covered']:,} of {share['total']:,}" if share["total"] else "-"]
            cells += [f"{100 * share['covered'] / share['total']:.1f} %" if share["total"] else "-"]
        rows.append((f"`{module}`", *cells))
    return markdown(("module", "line", "", "toggle", ""), rows)


def holes(record: Mapping[str, Any]) -> str:
    """What was not reached, by reason."""
    known = [(f"^(?:{module}) (?:{hole})", why) for module, hole, why in HOLES]
    found: dict[str, list[str]] = {why: [] for _, _, why in HOLES}
    for module, kinds in record.items():
        for hole in (*kinds["line"]["holes"], *kinds["toggle"]["holes"]):
            place, what = hole.split(" ", 1)
            where = f"`{module}` {place.rsplit(':')[-1]}: {what.removesuffix(')').replace(' (', ', ')}"
            found[reason(known, f"{module} {what}")].append(where)
    return "\n\n".join(f"*{why}*: {'; '.join(where)}." for why, where in found.items() if where)


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
    killed, covered = read_record(MUTATION), read_record(COVERAGE)
    return {
        "coverage": coverage(covered),
        "holes": holes(covered),
        "mutants": mutants(killed),
        "survivors": survivors(killed),
    }


if __name__ == "__main__":
    write_atomic(PAGE, fill(PAGE.read_text(), tables()))
