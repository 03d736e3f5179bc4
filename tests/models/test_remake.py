"""`results remake`: a ticket is made again by its commands, which run once each."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from distillery import small_encoder, write_data
from signals import interrupted
from small_run import SMALL
from typer.testing import CliRunner

import hwsim
from hwsim import tickets
from hwsim.errors import ConfigError
from hwsim.models.results import remake
from hwsim.models.results.commands import app

MODULE = "hwsim.models.results"
SEARCH = "hwsim search {config} --method one_shot --densities 0.5 --seeds {seed} --out search"


def about(folder: Path, *commands: str, made: str = "search/seed-*/one_shot-*.json") -> Path:
    """An `about` file with these commands and a small configuration beside it."""
    config = folder / "small.toml"
    config.write_text(SMALL)
    lines = [command.format(config=shlex.quote(str(config)), seed=0) for command in commands]
    path = folder / "about.toml"
    path.write_text(f"commands = {json.dumps(lines)}\nmade = {json.dumps(made)}\n")
    return path


def call(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", MODULE, "remake", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ticket of a toy search, as it would be shipped: with its score."""
    folder = tmp_path_factory.mktemp("found")
    run = remake.remake(remake.read(about(folder, SEARCH)), folder / "made")
    ticket = hwsim.load_ticket(run.with_suffix(".ticket.safetensors"))
    score = json.loads(run.read_text())["metrics"]["accuracy"]
    return hwsim.save_ticket(ticket.replace(metrics={"toy_dev": score}), folder / "toy.safetensors")


def test_after_a_failure_the_same_call_goes_on_to_the_same_integers(found, tmp_path):
    path = about(tmp_path, "echo once >> said", "test -e go-on", SEARCH)
    words = [found, "--about", path, "--into", tmp_path / "remade"]
    failed = call(*words)
    assert failed.returncode == 1
    assert failed.stderr.splitlines()[-1] == (
        "hwsim: command 2 of 3 failed with status 1: test -e go-on; "
        f"what is finished stays in {tmp_path / 'remade'}, and the same call goes on"
    )
    (tmp_path / "remade/go-on").touch()
    done = call(*words)
    assert done.returncode == 0
    assert "1 of 3 has finished before: echo once >> said" in done.stderr
    assert "3 of 3 runs: hwsim search" in done.stderr
    assert (tmp_path / "remade/said").read_text() == "once\n"
    (ticket,) = (tmp_path / "remade").glob("search/seed-0/one_shot*.ticket.safetensors")
    assert done.stdout == f"{ticket} has the integers of {found}\n"
    again = call(*words, "--json")
    assert json.loads(again.stdout)["same_integers"] is True
    assert again.stderr.count("has finished before") == 3
    # Another command first: none is known to have run after it.
    about(tmp_path, "echo twice >> said", "test -e go-on", SEARCH)
    started: list[bool] = []
    remake.remake(remake.read(path), tmp_path / "remade", lambda number, done: started.append(not done))
    assert started == [True, True, True]


def test_other_integers_are_told_with_both_scores(found, tmp_path):
    path = about(tmp_path, SEARCH + " --set training.rate=3e-3")
    shown = call(found, "--about", path, "--into", tmp_path / "remade").stdout
    (record,) = (tmp_path / "remade/search/seed-0").glob("one_shot-*.json")
    score = json.loads(record.read_text())["metrics"]["accuracy"]
    wanted = hwsim.load_ticket(found).metrics["toy_dev"]
    ticket = record.with_suffix(".ticket.safetensors")
    assert shown == f"{ticket} has other integers than {found}: accuracy {score} on dev, there {wanted}\n"


def test_texts_teachers_answers_and_a_student_of_the_teachers_shape(tmp_path, monkeypatch):
    """The commands of sst2-small at toy size: each finds by itself what those before it left."""
    write_data(tmp_path / "data")
    monkeypatch.setenv("HWSIM_DATA", str(tmp_path / "data"))
    encoder, other = (small_encoder(tmp_path / name, seed) for seed, name in enumerate(("one", "other")))
    teach = "--set teacher.epochs=2 --set teacher.batch=16 --set teacher.rate=2e-3"
    shape = "width=32 heads=4 layers=2 hidden=48 max_tokens=8 weights=ternary"
    student = " ".join(f"--set student.{part}" for part in shape.split())
    prepare = "python -m hwsim.models.tasks runs/{0} sst2 --teacher {1} --size 60 --width 0 --max-tokens 8"
    path = about(
        tmp_path,
        prepare.format("edge", encoder),
        prepare.format("other", other),
        f"hwsim distill teacher --set task.folder=runs/other --set teacher.encoder={other} {teach} "
        "--set run.folder=runs/answers",
        "cp runs/answers/teacher-*/said.safetensors runs/edge/said-sst2.safetensors",
        f"hwsim distill full --set task.folder=runs/edge --set teacher.encoder={encoder} {teach} {student} "
        "--set training.answers=runs/edge/said-sst2.safetensors --set training.batch=16 "
        "--set layerwise.batch=16 --set pruning.density=0.5 --set pruning.every=1 "
        "--set run.folder=runs/small",
        made="runs/small/integer-*",
    )
    run = remake.remake(remake.read(path), tmp_path / "remade")
    assert (
        json.loads((run / "metrics.json").read_text())["answers"]["of"] == "runs/edge/said-sst2.safetensors"
    )
    done = call(run / "ticket.safetensors", "--about", path, "--into", tmp_path / "remade")
    assert done.stdout == "{0} has the integers of {0}\n".format(run / "ticket.safetensors")


def test_ctrl_c_stops_the_command_and_says_how_to_go_on(found, tmp_path):
    path = about(tmp_path, "hwsim train {config} --set run.folder=runs --set training.epochs=9999")
    words = ["remake", str(found), "--about", str(path), "--into", str(tmp_path / "remade")]
    checkpoints = tmp_path / "remade/runs"
    status, said = interrupted(words, lambda: any(checkpoints.glob("*/checkpoint*")), MODULE)
    assert status == 130
    again = shlex.join(["python", "-m", MODULE, *words])
    assert said == f"hwsim: stopped; what is done is in {tmp_path / 'remade'}, go on with: {again}"
    assert not (tmp_path / "remade" / remake.FINISHED).exists()


def test_no_result_or_several_are_one_clear_error(found, tmp_path):
    path = about(tmp_path, "touch a.json b.json", made="?.json")
    failed = call(found, "--about", path, "--into", tmp_path / "remade")
    assert failed.returncode == 1
    assert "has 2 results ?.json, not one; delete" in failed.stderr


@pytest.mark.parametrize(
    "text", ["", "commands = []\nmade = 'x'", "commands = [1]\nmade = 'x'", "commands = ["]
)
def test_a_file_of_something_else_is_refused(text, tmp_path):
    (tmp_path / "about.toml").write_text(text)
    with pytest.raises(ConfigError, match=r"about\.toml: "):
        remake.read(tmp_path / "about.toml")


@pytest.mark.parametrize("name", tickets.shipped())
def test_every_shipped_ticket_has_its_commands(name):
    known = remake.read(remake.of(name))
    assert list(known.commands) == hwsim.load_ticket(name).provenance["commands"]
    assert CliRunner().invoke(app, ["remake", name, "--list"]).stdout.splitlines() == list(known.commands)
    assert "HASH" not in " ".join(known.commands)


def test_a_ticket_without_commands_is_told_which_have_some():
    with pytest.raises(ConfigError, match="known are imdb-tiny, sst2-small"):
        remake.of("sst2-huge")
