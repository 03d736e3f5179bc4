"""`hwsim bench cpu`: a record with every ratio, its tables and its picture."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

from hwsim.models.bench import cpu
from hwsim.models.bench.report import markdown

DOCS = Path(__file__).parent.parent.parent / "docs"
PEERS = {
    "torch_sdpa_float32",
    "torch_sdpa_bfloat16",
    "onnxruntime_float32",
    "onnxruntime_int8",
    "numpy_float32",
    "int8_dot_product",
}
TWINS = {"onnxruntime_float32", "onnxruntime_dynamic_int8", "onnxruntime_dynamic_uint8"}


def test_a_quick_record_and_what_is_made_of_it(run, tmp_path):
    files = [tmp_path / name for name in ("cpu.json", "cpu.md", "cpu.svg")]
    done = run("bench", "cpu", "--quick", "--out", files[0], "--json")
    assert done.status == 0, done.stderr
    record = done.json
    assert json.loads(files[0].read_text()) == record
    assert record["quick"] is True
    assert record["threads"] == 1
    assert record["processors"] >= 1
    assert record["processor"]["name"]
    assert record["kernels"] == record["kernels_here"][0]
    assert set(record["versions"]) == {"numpy", "onnxruntime", "torch"}
    assert [row["n"] for row in record["heads"]] == [8, 17]
    for row, peers in [(r, PEERS) for r in record["heads"]] + [(r, TWINS) for r in record["models"]]:
        assert {key for key in row if key.startswith("ratio_to_")} == {f"ratio_to_{name}" for name in peers}
        assert all(times["best"] <= times["median"] <= times["q3"] for times in row["microseconds"].values())
    assert set(record["models"][0]["operators"]) >= {"linears", "norms", "attention"}
    assert "missing" in record["energy"] or "joules" in record["energy"]

    shown = run("bench", "cpu", "--record", files[0], "--markdown", files[1], "--plot", files[2])
    assert shown.status == 0
    assert "a peer's time / ours" in shown.stdout
    assert files[1].read_text() == markdown(record) + "\n"
    drawn = files[2].read_text()
    assert "one head, width 16" in drawn
    assert "above 1: ours is faster" in drawn
    docs = runpy.run_path(str(DOCS / "cpu.py"))
    text = (DOCS / "cpu.md").read_text()
    assert markdown(record) in docs["page"](text, record)
    assert docs["page"](docs["page"](text, record), record) == docs["page"](text, record)


def test_refuses_before_it_measures(run, tmp_path):
    missing = run("bench", "cpu", "--record", tmp_path / "none.json")
    assert (missing.status, "not a whole record" in missing.stderr) == (1, True)
    assert "no folder" in run("bench", "cpu", "--out", tmp_path / "a" / "b.json").stderr
    assert "ends in .svg or .png" in run("bench", "cpu", "--plot", tmp_path / "a.pdf").stderr


def test_a_benchmark_that_dies_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu.sys, "executable", "/bin/false")
    with pytest.raises(ValueError, match="the benchmark stopped"):
        cpu.record(quick=True)
