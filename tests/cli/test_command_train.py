"""`hwsim train` and `hwsim evaluate`, and the tiny configuration from the first step to the Verilog."""

from __future__ import annotations

import gzip
import os
import re
import signal
from pathlib import Path

import pytest

import hwsim
from hwsim.implementations import IMPLEMENTATIONS
from hwsim.models import exact
from hwsim.models.runs import config, settings

QUICK = ("training.epochs=1", "task.examples=64", "pruning.method=none", "run.tensorboard=false")


def assignments(folder: Path, *more: str) -> list[str]:
    """--set options for a run in `folder`."""
    return [word for one in (f"run.folder={folder}", *more) for word in ("--set", one)]


def test_tiny_is_trained_pruned_rewound_exported_and_verified_everywhere(run, tmp_path):
    done = run("train", "tiny", *assignments(tmp_path), "--json")
    assert done.status == 0
    record = done.json
    assert record["rounds"] == 3
    assert record["density"] == pytest.approx(0.4, abs=0.001)
    assert record["dev"]["accuracy"] > 0.8
    ticket = Path(record["folder"]) / "ticket.safetensors"
    assert hwsim.load_ticket(ticket).digest() == record["ticket"]

    scored = run("evaluate", record["folder"], "--json").json
    assert (scored["task"], scored["split"], scored["n"]) == ("toy", "dev", 512)
    assert scored["metrics"] == record["dev"]

    assert run("check", ticket).status == 0
    exported = tmp_path / "tiny.onnx"
    assert run("export", ticket, exported, "--json").json["bytes"] == exported.stat().st_size
    verified = run("verify", ticket, "--inputs", 2, "--json")
    assert verified.status == 0
    assert verified.json["skipped"] == {}
    assert verified.json["equal"] == {one.name: True for one in IMPLEMENTATIONS}


def test_people_see_the_result_and_a_finished_run_again(run, tmp_path):
    first = run("train", "tiny", *assignments(tmp_path, *QUICK))
    assert first.status == 0
    assert re.search(r"toy, integer model, seed 0: accuracy 0\.\d{4} on dev", first.stdout)
    assert "ticket.safetensors" in first.stdout
    assert run("train", "tiny", *assignments(tmp_path, *QUICK)).stdout == first.stdout


@pytest.mark.parametrize("command", ["train", "search"])
def test_help_shows_every_field(run, command):
    shown = run(command, "--help").stdout
    for line in settings.describe(config.RunConfig):
        assert re.search(rf"^{re.escape(line.name)} +{re.escape(line.default)} ", shown, re.MULTILINE), (
            line.name
        )
    assert "tiny" in shown


def test_a_bad_configuration_is_one_line(run, tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text("[training]\nrate = -1")
    done = run("train", path)
    assert done.status == 1
    assert done.stderr == f"hwsim: {path}: training.rate is -1.0; it lies in 0..10\n"
    assert run("train", tmp_path / "absent.toml").stderr.count("\n") == 1


def test_ctrl_c_writes_a_checkpoint_and_says_how_to_go_on(run, tmp_path, monkeypatch):
    words = ("train", "tiny", *assignments(tmp_path, *QUICK, "run.check_every=1"))
    with monkeypatch.context() as patch:
        patch.setattr(exact, "check", lambda training: os.kill(os.getpid(), signal.SIGINT))
        done = run(*words)
    assert done.status == 130
    (folder,) = tmp_path.iterdir()
    assert f"hwsim: stopped after step 1; continue with: hwsim train {folder}" in done.stderr
    assert (folder / "checkpoint.safetensors").exists()
    unfinished = run("evaluate", folder)
    assert unfinished.status == 1
    assert f"finish the run: hwsim train {folder}" in unfinished.stderr
    assert run("train", folder).status == 0
    assert run("evaluate", folder, "--split", "test").status == 0


def test_evaluate_reads_texts_in_the_layout_of_the_data_sets(run, ticket_file, tmp_path, monkeypatch):
    folder = tmp_path / "sst2-glue"
    folder.mkdir()
    with gzip.open(folder / "dev.tsv.gz", "wt") as file:
        file.write("sentence\tlabel\nit was warm \t1\nit was long and dull . not the film , but it \t0\n")
    monkeypatch.setenv("HWSIM_DATA", str(tmp_path))
    done = run("evaluate", ticket_file, "--task", "sst2", "--json")
    assert done.status == 0
    assert done.json["metrics"]["accuracy"] in (0.0, 0.5, 1.0)
    assert (done.json["n"], done.json["truncated"]) == (2, 1)
    assert "sst2 dev: accuracy" in run("evaluate", ticket_file, "--task", "sst2").stdout


def test_evaluate_refuses_what_does_not_fit(run, ticket_file, tmp_path):
    assert run("evaluate", ticket_file).status == 2
    assert "2 classes; adding has 1" in run("evaluate", ticket_file, "--task", "adding").stderr
    unknown = run("evaluate", ticket_file, "--task", "nonsense")
    assert unknown.status == 1
    assert "nonsense" in unknown.stderr
    assert "no split 'extra'; there are train, dev, test" in (
        run("evaluate", ticket_file, "--task", "toy", "--split", "extra").stderr
    )
    assert "not a run's folder" in run("evaluate", tmp_path).stderr
    (tmp_path / "config.toml").write_text("")
    assert "no ticket in this folder" in run("evaluate", tmp_path).stderr
