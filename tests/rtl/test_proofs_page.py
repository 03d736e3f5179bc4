"""docs/proofs.md is made from its records, and they say what the project promises."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from hwsim import HwsimError
from hwsim.rtl import sources
from hwsim.rtl.proofs import PROOFS
from hwsim.synth.table import fill

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
    with pytest.raises(HwsimError, match=r"lane x\[3\]: no reason in docs/proofs.py"):
        page.reason([("^other", "why")], "lane x[3]")
    assert page.reason([("^other", "why"), ("^lane", "because")], "lane x[3]") == "because"
