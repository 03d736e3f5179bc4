"""docs/proofs.md is made from its records, and they say what the project promises."""

from __future__ import annotations

import importlib.util
import json
import tomllib
from pathlib import Path

import pytest

from hwsim import HwsimError
from hwsim.markdown import fill
from hwsim.rtl import modules, sources
from hwsim.rtl.proofs import PROOFS

DOCS = Path(__file__).parents[2] / "docs"
specification = importlib.util.spec_from_file_location("docs_proofs", DOCS / "proofs.py")
assert specification and specification.loader
page = importlib.util.module_from_spec(specification)
specification.loader.exec_module(page)


def test_the_tables_are_made_from_the_records() -> None:
    text = page.PAGE.read_text()
    made = page.tables()
    assert all(f"<!-- {name} -->" in text for name in made)
    assert fill(text, made) == text


def test_lines_and_bits_nearly_all_reached_and_the_rest_explained() -> None:
    record = page.measured()
    core = [path.stem for path in sources("accelerator")]
    assert set(record) == set(modules())
    for chosen in (core, list(record)):
        for covered, total in page.totals(record, chosen).values():
            assert covered >= 0.95 * total
    # A hole of no entry, and one of a module that has no such hole, would stop the page.
    for kinds in ({"toggle": "x.v:3 row_i[7] (2 of 16 edges)"}, {"line": "x.v:3 else"}):
        share = {kind: {"holes": [kinds[kind]] if kind in kinds else []} for kind in page.KINDS}
        with pytest.raises(HwsimError, match=r"lane_group .*: no reason"):
            page.holes({"lane_group": share})


def test_no_explanation_is_left_over() -> None:
    """Every entry explains a hole."""
    shown = page.holes(page.measured())
    for entry in tomllib.loads(page.HOLES.read_text())["hole"]:
        assert f"*{entry['why']}*:" in shown


def test_mutants_enough_and_nearly_all_killed() -> None:
    record = json.loads(page.MUTATION.read_text())
    assert record["mutants"] >= 300 and record["score"] >= 0.95
    assert all(one["mutants"] >= 3 for one in record["modules"].values())
    assert list(record["modules"]) == [path.stem for path in sources("accelerator")]


def test_every_property_was_proved_and_every_bug_found() -> None:
    record = json.loads((DOCS / "proofs.json").read_text())
    assert [one["property"] for one in record["properties"]] == [proof.name for proof in PROOFS]
    assert record["ok"] and all(one["holds"] and one["bug"]["found"] for one in record["properties"])


def test_what_has_no_reason_is_refused() -> None:
    with pytest.raises(HwsimError, match=r"lane x\[3\]: no reason in docs/"):
        page.reason([("^other", "why")], "lane x[3]")
    assert page.reason([("^other", "why"), ("^lane", "because")], "lane x[3]") == "because"
