"""`hwsim distill`: every recipe end to end on a toy data set and a tiny random teacher."""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from distillery import large, small_encoder, write_data
from safetensors.numpy import load_file, save_file
from scalars import scalars
from signals import interrupted

import hwsim
from hwsim.data.tasks import TASKS
from hwsim.models import tasks
from hwsim.models.distill.config import DistillConfig, load

CONFIG = """
[task]
name = "sst2"
folder = "{folder}/prepared"

[teacher]
encoder = "{folder}/encoder"
epochs = 20
batch = 16
rate = 2e-3

[student]
max_tokens = 8
width = 16
heads = 2
layers = 1
hidden = 16

[training]
epochs = 4
batch = 16
rate = 5e-3

[layerwise]
batch = 16
rate = 2e-3

[pruning]
density = 0.5
every = 1

[run]
folder = "{folder}/runs"
device = "cpu"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared task, an encoder, and a configuration, shared so that the teacher is trained once."""
    home = tmp_path_factory.mktemp("distill")
    write_data(home / "data")
    small_encoder(home / "encoder")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HWSIM_DATA", str(home / "data"))
        made = tasks.prepare("sst2", large(), 8, extra=["a good film", "so bad"], teacher=large())
    tasks.save(made, home / "prepared/sst2.safetensors")
    (home / "distill.toml").write_text(CONFIG.format(folder=home))
    return home


def test_a_small_student_ends_as_a_ticket(run, folder):
    said = run("distill", folder / "distill.toml", "--json").json
    assert said["recipe"] == "task"
    assert said["teacher"]["dev"]["accuracy"] > 0.9
    assert 0 <= said["dev"]["accuracy"] <= 1
    assert "test" not in said
    ticket = hwsim.load_ticket(Path(said["folder"]) / "ticket.safetensors")
    assert said["ticket"] == ticket.digest()
    assert ticket.labels == ("negative", "positive")
    assert ticket.density == pytest.approx(0.5, abs=0.05)
    assert ticket.provenance["configuration"]["teacher"]["epochs"] == 20
    dev = tasks.load("sst2", folder / "prepared").splits["dev"]
    token_ids, mask = dev.data.padded(np.arange(len(dev.data)), 8)
    found = hwsim.forward(ticket, token_ids, mask).prediction
    assert said["dev"]["accuracy"] == np.mean(found == dev.labels)
    # Steps of teacher and student: 64 texts, and two more without a label, in batches of 16.
    (teachers,) = Path(said["folder"]).parent.glob("teacher-*")
    for stage, folder_of, steps in (("teacher", teachers, [50, 80]), ("student", Path(said["folder"]), [20])):
        losses = scalars(folder_of / "tensorboard" / stage)["loss"]
        assert [step for step, _ in losses] == steps
    # It is finished: asking again reads the record, asking for the test scores what is there.
    kept = Path(said["folder"]) / "metrics.json"
    assert json.loads(kept.read_text()) == said
    assert run("distill", folder / "distill.toml", "--json").json == said
    tested = run("distill", folder / "distill.toml", "--set", "run.test=true", "--json").json
    assert tested["dev"] == said["dev"]
    assert set(tested["test"]) == {"accuracy"}


def test_the_teacher_alone_leaves_logits_for_training(run, folder):
    said = run("distill", folder / "distill.toml", "--set", "recipe=teacher", "--json").json
    assert said["dev"] == said["teacher"]["dev"]
    logits = np.load(Path(said["folder"]) / "logits.npz")
    assert {name: logits[name].shape for name in logits} == {
        "train": (64, 2),
        "dev": (32, 2),
        "test": (1, 2),
        "extra": (2, 2),
    }
    shown = run("distill", folder / "distill.toml", "--set", "recipe=teacher").stdout
    assert "sst2 dev, teacher: accuracy" in shown
    assert "student" not in shown


def test_ctrl_c_says_how_to_go_on(folder, tmp_path):
    words = ["distill", str(folder / "distill.toml"), "--set", f"run.folder={tmp_path}"]
    words += ["--set", "teacher.epochs=1000"]
    status, said = interrupted(words, lambda: any(tmp_path.glob("teacher-*/*")))
    assert status == 130
    assert said == f"hwsim: stopped; what is done is in {tmp_path}, go on with: hwsim {shlex.join(words)}"


@pytest.mark.parametrize("weights", ["float", "int8"])
def test_an_encoder_is_distilled_layer_by_layer(run, folder, weights):
    settings = [
        "recipe=layerwise",
        f"layerwise.weights={weights}",
        "training.epochs=15",
        "training.rate=2e-3",
    ]
    changes = [part for setting in settings for part in ("--set", setting)]
    said = run("distill", folder / "distill.toml", *changes, "--json").json
    assert said["dev"]["accuracy"] > 0.8
    assert said["ticket"] is None
    assert said["model"].endswith(f"inhibitor, {weights}")
    names = {path.name for path in Path(said["folder"]).iterdir()}
    assert {"student.safetensors", "stage-0.safetensors", "stage-2.safetensors", "config.toml"} <= names
    assert not {name for name in names if "unfinished" in name}


@pytest.mark.parametrize("weights", ["int4", "ternary"])
def test_an_integer_student_of_the_teachers_shape(run, folder, weights):
    shape = {"width": 32, "heads": 4, "layers": 2, "hidden": 48, "weights": weights}
    settings = ["recipe=integer", "layerwise.weights=int8", "training.epochs=20", "training.rate=3e-3"]
    settings += [f"student.{name}={value}" for name, value in shape.items()]
    changes = [part for setting in settings for part in ("--set", setting)]
    said = run("distill", folder / "distill.toml", *changes, "--json").json
    assert said["dev"]["accuracy"] > 0.8
    ticket = hwsim.load_ticket(Path(said["folder"]) / "ticket.safetensors")
    assert said["ticket"] == ticket.digest()
    assert ticket.config.weights == weights
    # What came before the task does not depend on the last grid, and is found by the second of these runs.
    (layers,) = Path(said["folder"]).parent.glob("layers-*")
    assert {path.name for path in layers.iterdir()} == {
        "attention-0.safetensors",
        "attention-1.safetensors",
        "hidden-states.safetensors",
        "tensorboard",
    }
    for stage in ("attention-0", "attention-1", "hidden-states"):
        ((step, _),) = scalars(layers / "tensorboard" / stage)["loss"]
        assert step == 0
    # Another student goes on from there without those stages.
    changes += ["--set", "layerwise.epochs=0", "--set", f"layerwise.start={layers}/hidden-states.safetensors"]
    assert run("distill", folder / "distill.toml", *changes, "--json").json["dev"]["accuracy"] > 0.8
    done = run(
        "distill", folder / "distill.toml", *changes, "--set", f"layerwise.start={folder}/distill.toml"
    )
    assert "no student of this vocabulary and shape" in done.stderr


def test_other_tasks_lend_their_texts_to_the_stages_before_the_task(run, folder):
    task = tasks.load("sst2", folder / "prepared")
    lent = dataclasses.replace(task, task=TASKS["imdb"])
    tasks.save(lent, folder / "prepared/imdb.safetensors")
    tasks.save(
        dataclasses.replace(lent, max_tokens=9, task=TASKS["rte"]), folder / "prepared/rte.safetensors"
    )
    settings = ["recipe=integer", "layerwise.weights=int8", "layerwise.attention=false", "student.width=32"]
    settings += [
        "student.heads=4",
        "student.layers=2",
        "student.hidden=48",
        "run.folder=" + str(folder / "lent"),
    ]
    changes = [part for setting in settings for part in ("--set", setting)]
    alone = run("distill", folder / "distill.toml", *changes, "--json").json
    among = run("distill", folder / "distill.toml", *changes, "--set", "layerwise.also=imdb", "--json").json
    assert alone["folder"] != among["folder"]
    assert alone["teacher"] == among["teacher"]
    kept = [load_file(path) for path in (folder / "lent").glob("layers-*/hidden-states.safetensors")]
    assert len(kept) == 2
    assert any(not np.array_equal(part, kept[1][name]) for name, part in kept[0].items())
    for also, complaint in (("cola", "python -m hwsim.models.tasks"), ("imdb,rte", "layerwise.also: rte")):
        failed = run("distill", folder / "distill.toml", *changes, "--set", f"layerwise.also={also}")
        assert failed.status == 1
        assert complaint in failed.stderr


def test_a_student_learns_from_the_answers_of_another_teacher(run, folder):
    # A teacher's own record holds its own answers, whatever its students are to be told.
    other = ["recipe=teacher", "teacher.seed=1", "training.answers=of-another"]
    changes = [part for setting in other for part in ("--set", setting)]
    shown = run("distill", folder / "distill.toml", *changes, "--json").json
    assert "answers" not in shown
    answers = Path(shown["folder"]) / "said.safetensors"
    kept = load_file(answers)
    # A teacher that says the opposite of the labels: who learns from it alone does, too.
    contrary = folder / "contrary.safetensors"
    save_file({name: -part if "logits" in name else part for name, part in kept.items()}, contrary)
    settings = [f"training.answers={contrary}", "mixture.soft=1.0", "mixture.hidden=0", "training.epochs=20"]
    changes = [part for setting in settings for part in ("--set", setting)]
    said = run("distill", folder / "distill.toml", *changes, "--json").json
    assert said["answers"]["of"] == str(contrary)
    assert said["answers"]["dev"]["accuracy"] == pytest.approx(1 - shown["dev"]["accuracy"])
    assert said["teacher"]["dev"]["accuracy"] > 0.9
    assert said["dev"]["accuracy"] < 0.2
    save_file({name: part[:1] for name, part in kept.items()}, contrary)
    for wrong, complaint in ((contrary, "other texts"), (folder / "distill.toml", "no teacher's answers")):
        done = run("distill", folder / "distill.toml", "--set", f"training.answers={wrong}")
        assert done.status == 1
        assert complaint in done.stderr


def test_the_float_yardstick_for_people(run, folder):
    done = run("distill", folder / "distill.toml", "--set", "student.kind=float_dot")
    assert done.status == 0
    assert "sst2 dev, student: accuracy" in done.stdout
    assert "s on cpu" in done.stdout


def test_a_written_configuration_is_read_back(folder):
    config = load(folder / "distill.toml", ["mixture.hidden=0.5"])
    path = folder / "again.toml"
    path.write_text(config.to_toml())
    assert load(path) == config
    assert config.digest("x") != load(folder / "distill.toml").digest("x")
    assert config.digest("x", "teacher") == load(folder / "distill.toml").digest("x", "teacher")
    assert DistillConfig().digest("x") != DistillConfig().digest("y")


def test_the_documented_configuration_is_one(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "distillation.md").read_text()
    (block,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    (tmp_path / "sst2.toml").write_text(block)
    assert load(tmp_path / "sst2.toml").pruning.density == 0.2


@pytest.mark.parametrize(
    ("setting", "complaint"),
    [
        ("recipe=none", "teacher, task, layerwise"),
        ("layerwise.weights=binary", "ternary"),
        ("pruning.start=0.8", "below pruning.end"),
        ("teacher.encoder=nowhere", "config.json"),
        ("task.name=adding", "sst2"),
        ("student.width=99", "student.width|model.width|width"),
        ("mixture.soft=2", "0..1"),
        ("traning.epochs=3", "training"),
    ],
)
def test_a_bad_configuration_is_one_clear_error(run, folder, setting, complaint):
    done = run("distill", folder / "distill.toml", "--set", setting)
    assert done.status == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert any(part in done.stderr for part in complaint.split("|"))


def test_a_task_without_a_teachers_pieces_is_refused(run, folder, monkeypatch):
    monkeypatch.setenv("HWSIM_DATA", str(folder / "data"))
    tasks.save(tasks.prepare("sst2", large(), 8), folder / "plain/sst2.safetensors")
    done = run("distill", folder / "distill.toml", "--set", f"task.folder={folder}/plain")
    assert done.status == 1
    assert "prepare it again" in done.stderr


def test_help_shows_every_field(run):
    shown = run("distill", "--help").stdout
    for field in ("teacher.encoder", "layerwise.weights", "mixture.temperature", "run.test"):
        assert field in shown
