"""`hwsim results` on the records of a made-up grid."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
import science_records as made

from hwsim.models.science.records import collect
from hwsim.models.science.table import TABLES


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return made.write(made.grid(seeds=3, cells=False), tmp_path_factory.mktemp("grid"))


def test_tables_are_printed_and_json_is_a_row_an_object(run, folder):
    done = run("results", folder)
    assert done.status == 0
    assert "sst2: ternary, main" in done.stdout and "51.20 %" in done.stdout
    rows = run("results", folder, "--table", "controls", "--json").json
    assert len(rows) == 40
    assert rows[0]["b"] == "shuffle" and rows[0]["verdict"] == "better"
    assert rows[0]["difference"]["low"] < rows[0]["difference"]["mean"] < rows[0]["difference"]["high"]
    said = {
        row["question"]: row["answer"]
        for row in run("results", folder, "--table", "decisions", "--json").json
    }
    assert said["H3"].startswith("yes") and said["H6"] is None


def test_help_names_every_table(run):
    said = run("results", "--help").stdout
    assert [name for name in TABLES if name not in said] == []


def test_a_plot_beside_the_table(run, folder, tmp_path):
    path = tmp_path / "loss.svg"
    done = run(
        "results", folder, "--table", "cost", "--plot", path, "--metric", "loss", "--axis", "bits", "--json"
    )
    assert done.status == 0 and path.read_text().startswith("<?xml")
    assert done.json[0]["total_bits"] > 0
    assert str(path) in done.stderr


def test_every_plot_that_is_named_is_drawn(run, folder, tmp_path):
    paths = [tmp_path / "one.svg", tmp_path / "two.png"]
    done = run("results", folder, "--plot", paths[0], "--plot", paths[1])
    assert done.status == 0
    assert all(path.exists() and f"drawn: {path}" in done.stderr for path in paths)


@pytest.mark.parametrize("table", ["pooled", "overlaps", "barriers", "layers", "attention", "empty"])
def test_a_table_without_rows_says_what_it_needs(run, folder, table):
    done = run("results", folder, "--table", table)
    assert done.status == 0
    assert done.stdout == f"no records for the table {table}: it needs {TABLES[table].needs}\n"
    assert run("results", folder, "--table", table, "--json").json == []


def test_a_terminal_sees_that_it_works(folder):
    """The spinner, which nothing but a terminal gets."""
    here, there = pty.openpty()
    command = [sys.executable, "-m", "hwsim", "results", str(folder), "--table", "cost", "--json"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=there, env=os.environ | {"TERM": "xterm"}
    ) as child:
        json.load(child.stdout)
    os.close(there)
    said = os.read(here, 1 << 16).decode()
    os.close(here)
    assert "computing the table cost" in said


def test_bad_input_is_one_line(run, folder, tmp_path):
    for arguments, message in (
        ((tmp_path / "no",), "there is no such file"),
        ((folder, "--table", "best"), "table 'best'; choose one of"),
        ((folder, "--plot", tmp_path / "x.gif"), "a picture ends in"),
    ):
        done = run("results", *arguments)
        assert done.status == 1
        assert message in done.stderr and done.stderr.count("\n") == 1


def test_a_grid_that_was_run(run, tmp_path):
    out = tmp_path / "grid"
    assert run("search", "--grid", "toy", "--cells", "ternary,step", "--local", "--out", out).status == 0
    ladder = run("results", out, "--plot", tmp_path / "toy.svg", "--json").json
    assert [(row["line"], row["density"]) for row in ladder] == [
        (line, density) for line in ("toy: ternary", "toy: ternary, step") for density in (1.0, 0.5, 0.25)
    ]
    controls = run("results", out, "--table", "controls", "--json").json
    assert {(row["b"], row["density"]) for row in controls} == {
        ("shuffle", 0.5),
        ("shuffle", 0.25),
        ("small_dense", 0.5),
        ("long_dense", 0.25),
        ("pruned_finetuned", 0.5),
    }
    others = run("results", out, "--table", "others", "--json").json
    assert {row["a"] for row in others if row["cell"] == "step"} == {"grid_rewind"}
    (file,) = collect([out], tmp_path / "science")
    assert run("results", file, "--json").json == ladder
