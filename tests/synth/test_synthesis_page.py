"""The page's tables are the records', and the records are those of this Verilog."""

from __future__ import annotations

import json

import pytest

from hwsim.baseline.compare import comparison
from hwsim.markdown import fill
from hwsim.synth import synthesize, table


def test_the_tables_are_made_from_the_records() -> None:
    page = table.PAGE.read_text()
    assert fill(page, table.tables()) == page
    for name in table.tables():
        assert f"<!-- {name} -->" in page


def test_the_comparison_is_what_the_models_say() -> None:
    assert json.loads(table.COMPARISON.read_text()) == comparison()


@pytest.mark.parametrize("record", table.records(), ids=lambda record: record["module"])
def test_no_record_of_the_accelerator_has_a_multiplier(record) -> None:
    assert {"multipliers", "dsp", "lut4", "ccu2c", "ff", "ebr", "tools"} <= set(record)
    if record["module"].startswith(("dot", "multiplier")):
        return
    assert record["multipliers"] == record["dsp"] == 0


def test_a_recorded_lane_is_counted_again() -> None:
    by_name = {(r["module"], r["hard_multipliers"]): r for r in table.records() if r["family"] == "ecp5"}
    for name in ("token_lane", "dot_lane"):
        record = by_name[name, False]
        area, _ = synthesize(name, record["parameters"])
        assert (area.multipliers, area.dsp) == (record["multipliers"], record["dsp"])
        # Another yosys may map otherwise, by little.
        assert area.tables == pytest.approx(record["tables"], rel=0.05)
        assert area.ff == pytest.approx(record["ff"], rel=0.05)
