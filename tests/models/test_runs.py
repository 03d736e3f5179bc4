"""Runs: folders by hash, resumption, several processes, records."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from scalars import next_second, scalars
from small_run import SMALL, loaded

from hwsim import ModelConfig, evaluate, load_ticket, random_ticket, save_ticket, tokens
from hwsim.errors import ConfigError, HwsimError, MissingToolError
from hwsim.models import exact
from hwsim.models.model import InhibitorTransformer
from hwsim.models.runs import config, processes, rounds, runner, tasks
from hwsim.models.runs.folder import RunFolder, read_lines
from hwsim.models.train import TrainConfig, Training, TrainingSet, losses_of


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    return path


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[config.RunConfig, dict[str, Any]]:
    """A run that nothing disturbed."""
    path = tmp_path_factory.mktemp("done") / "small.toml"
    path.write_text(SMALL)
    wanted = loaded(path, "runs", "run.tensorboard=true")
    return wanted, runner.execute(wanted)


def final(wanted: config.RunConfig) -> dict[str, torch.Tensor]:
    """The last checkpoint, without the time it took."""
    state = load_file(RunFolder(wanted).checkpoint)
    del state["seconds"]
    return state


def same_end(one: config.RunConfig, other: config.RunConfig) -> None:
    """Both runs end in the same ticket, bytes and all, and every tensor of the last checkpoint is equal."""
    assert RunFolder(one).ticket.read_bytes() == RunFolder(other).ticket.read_bytes()
    a, b = final(one), final(other)
    assert a.keys() == b.keys()
    assert [name for name in a if not torch.equal(a[name], b[name])] == []


def lines(wanted: config.RunConfig) -> list[dict[str, Any]]:
    """The evaluations without the time they took."""
    return [line | {"seconds": 0} for line in read_lines(RunFolder(wanted).lines)]


def test_a_run_leaves_ticket_record_and_evaluations(done):
    wanted, record = done
    folder = RunFolder(wanted)
    assert folder.path.name == wanted.digest()
    assert record == json.loads(folder.metrics.read_text())
    ticket = load_ticket(folder.ticket)
    assert record["ticket"] == ticket.digest()
    assert record["density"] == pytest.approx(0.5)
    assert ticket.density <= 0.5
    assert ticket.provenance["hash"] == wanted.digest()
    assert ticket.provenance["config"]["training"]["rate"] == 1e-2
    written = lines(wanted)
    assert [line["step"] for line in written] == [4, 8, 12, 14, 18, 22, 26, 28]
    assert {line["round"] for line in written} == {"dense", "one_shot-0.500000"}
    assert written[-1]["dev"] == record["dev"]
    assert not [path for path in folder.path.rglob("*") if path.suffix in (".pt", ".pkl", ".pickle")]


def test_the_record_is_what_the_emulator_measures(done):
    wanted, record = done
    ticket = load_ticket(RunFolder(wanted).ticket)
    dev = tasks.toy(8).splits["dev"]
    token_ids, mask = dev.data.padded(np.arange(len(dev.data)), 8)
    logits = evaluate.logits(ticket, tokens.Encoded(token_ids.astype(np.int32), mask, [], 0))
    assert evaluate.accuracy(logits.argmax(1), dev.labels) == pytest.approx(record["dev"]["accuracy"])
    assert ticket.metrics == {"toy_dev": record["dev"]["accuracy"]}


def test_tensorboard_can_read_the_events(done):
    wanted, _ = done
    found = scalars(RunFolder(wanted).tensorboard)
    assert {"loss", "rate", "density", "dev/accuracy"} <= set(found)
    evaluated = [(line["step"], pytest.approx(line["dev"]["accuracy"])) for line in lines(wanted)]
    assert found["dev/accuracy"] == evaluated


def test_steps_made_again_are_no_second_events(small, done, monkeypatch):
    wanted = loaded(small, "again", "run.tensorboard=true", "run.save_every=0")

    def broken(training: Training) -> None:
        raise ArithmeticError

    # After step 5: the evaluation after step 4 is written twice.
    with monkeypatch.context() as patch, pytest.raises(ArithmeticError):
        patch.setattr(exact, "check", broken)
        runner.execute(wanted)
    assert [step for step, _ in scalars(RunFolder(wanted).tensorboard)["loss"]] == [4]
    next_second()
    runner.execute(wanted)
    found, whole = (scalars(RunFolder(run).tensorboard)["loss"] for run in (wanted, done[0]))
    assert found == whole


def test_a_finished_run_is_not_run_again(done, monkeypatch):
    wanted, record = done
    monkeypatch.setattr(runner, "Runner", None)
    assert runner.execute(wanted) == record


def test_a_run_killed_in_the_middle_ends_like_one_that_was_not(small, done):
    # Killed at step 19 of 28, in the second round, three steps behind its last checkpoint but one.
    code = (
        "import os, signal, sys, torch\n"
        "from hwsim.models.runs import config, runner\n"
        "calls = []\n"
        "def kill(training):\n"
        "    calls.append(1)\n"
        "    if len(calls) == 5: os.kill(os.getpid(), signal.SIGKILL)\n"
        "runner.exact.check = kill\n"
        "runner.execute(config.load(sys.argv[1], [f'run.folder={sys.argv[2]}']))\n"
    )
    wanted = loaded(small, "killed")
    arguments = [sys.executable, "-c", code, str(small), wanted.run.folder]
    assert subprocess.run(arguments, check=False).returncode == -signal.SIGKILL
    folder = RunFolder(wanted)
    assert 0 < int(load_file(folder.checkpoint)["step"]) < 14
    assert folder.result() is None
    with open(folder.lines, "a") as file:
        file.write('{"step": 99, "torn')
    runner.execute(wanted)
    same_end(done[0], wanted)
    assert lines(done[0]) == lines(wanted)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_says_how_to_go_on_and_ends_the_same(small, done, monkeypatch, number):
    wanted = loaded(small, f"stopped-{int(number)}", "run.save_every=0")
    before = signal.getsignal(number)
    with monkeypatch.context() as patch:
        patch.setattr(exact, "check", lambda training: os.kill(os.getpid(), number))
        with pytest.raises(runner.Interrupted, match=r"stopped after step 5; continue with: hwsim train \S+"):
            runner.execute(wanted)
    assert signal.getsignal(number) == before
    assert int(load_file(RunFolder(wanted).checkpoint)["step"]) == 5
    # The folder is a configuration too; it knows where it lies.
    again = config.load(RunFolder(wanted).path)
    assert again == wanted
    runner.execute(again)
    same_end(done[0], wanted)


@pytest.mark.parametrize("step", [13, 14])
def test_a_run_stopped_at_the_end_of_a_round_ends_the_same(small, done, monkeypatch, step):
    wanted = loaded(small, "at-the-end", "run.check_every=1")
    with monkeypatch.context() as patch:

        def stop(training: Training) -> None:
            if training.step == step:
                os.kill(os.getpid(), signal.SIGINT)

        patch.setattr(exact, "check", stop)
        with pytest.raises(runner.Interrupted):
            runner.execute(wanted)
    runner.execute(wanted)
    same_end(done[0], wanted)


def test_a_folder_of_another_configuration_is_left_alone(small):
    wanted = loaded(small, "runs")
    folder = RunFolder(wanted)
    folder.path.mkdir(parents=True)
    (folder.path / "config.toml").write_text("seed = 5")
    with pytest.raises(ConfigError, match="not the configuration that its folder is named by"):
        runner.execute(wanted)
    assert sorted(path.name for path in folder.path.iterdir()) == ["config.toml", "lock"]


def test_two_processes_never_train_in_one_folder(small):
    wanted = loaded(small, "runs")
    with RunFolder(wanted).claimed(), pytest.raises(ConfigError, match="another process is training"):
        runner.execute(wanted)


@pytest.mark.parametrize("content", [b"", b"\x02\x00\x00\x00\x00\x00\x00\x00{}"])
def test_a_damaged_or_foreign_checkpoint_is_one_error(small, content):
    folder = RunFolder(loaded(small, "runs"))
    folder.path.mkdir(parents=True)
    folder.checkpoint.write_bytes(content)
    with pytest.raises(ConfigError, match="delete it to begin again"):
        folder.load()


def test_a_wrong_integer_in_training_is_named(small, monkeypatch):
    wanted = loaded(small, "runs")
    forward = InhibitorTransformer.forward

    def wrong(self, token_ids, mask, trace=None):
        logits = forward(self, token_ids, mask, trace)
        if trace is not None:
            trace["layers.0.ffn_norm"] = trace["layers.0.ffn_norm"].clone()
            trace["layers.0.ffn_norm"][0, 0, 3] += 1
        return logits

    monkeypatch.setattr(InhibitorTransformer, "forward", wrong)
    with pytest.raises(exact.InexactError, match=r"step 5: .* first in layers.0.ffn_norm\[0, 0, 3\]"):
        runner.execute(wanted)


def test_the_device_and_the_shards_must_fit(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(torch.cuda, "is_available", lambda: False)
        with pytest.raises(ConfigError, match=r"run\.device is cuda; PyTorch sees no GPU"):
            processes.start("cuda", 1)
        assert processes.start("auto", 1).device == "cpu"
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match=r"training\.shards is 3; 2 processes need a multiple of 2"):
        processes.start("cpu", 3)


def test_tensorboard_may_be_absent(small, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(MissingToolError, match=r"--set run\.tensorboard=false"):
        runner.execute(loaded(small, "runs", "run.tensorboard=true"))


# Shards and processes


@pytest.mark.parametrize(("batch", "shards"), [(16, 2), (7, 2), (1, 2), (5, 4), (3, 1)])
def test_shards_hold_every_row_once_and_are_of_one_length(batch, shards):
    parts = [processes.shard(batch, shards, which, "cpu") for which in range(shards)]
    assert len({len(rows) for rows, _ in parts}) == 1
    kept = torch.cat([rows[weight > 0] for rows, weight in parts])
    assert sorted(kept.tolist()) == list(range(batch))


def test_sharded_gradients_are_those_of_the_whole_batch():
    task = tasks.toy(8)
    found = {}
    for shards in (1, 3):
        torch.manual_seed(0)
        wanted = config.load("tiny")
        model = runner.build(wanted, task)
        told = TrainConfig(epochs=1, batch=len(task.splits["dev"].data), shards=shards, word_dropout=0.0)
        split = task.splits["dev"]
        training = Training(model, TrainingSet(split.data, split.labels), told, "cpu")
        index, token_ids, mask = next(training.buckets.batches(told.batch, torch.Generator()))
        training._learn(index[:100], token_ids[:100], mask[:100])
        found[shards] = {name: p.grad.clone() for name, p in model.named_parameters()}
    for name, gradient in found[1].items():
        assert torch.allclose(gradient, found[3][name], rtol=1e-4, atol=1e-6), name


def test_two_processes_end_exactly_like_one(small, done):
    wanted = loaded(small, "two")
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    code = Path(__file__).with_name("train_in_processes.py")
    finished = subprocess.run(
        [*launch, code, small, wanted.run.folder],
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 0, finished.stderr
    record = RunFolder(wanted).result()
    assert record is not None
    assert record["processes"] == 2
    same_end(done[0], wanted)


# Tasks


def test_real_labels_are_met_by_one_logit_with_squared_error():
    logits = torch.tensor([[1.0], [2.0], [3.0]])
    labels = torch.tensor([0.0, torch.nan, 3.0])
    assert losses_of(logits, labels, None, 0.9).tolist() == [1.0, 0.0, 0.0]
    teacher = torch.tensor([[1.0], [0.0], [1.0]])
    assert losses_of(logits, labels, teacher, 0.5).tolist() == [0.5, 4.0, 2.0]


def test_a_high_temperature_asks_for_the_teachers_logits():
    """Its limit is half the squared error of centred logits (Hinton et al. 2015, section 2.1)."""
    logits = torch.tensor([[2.0, -2.0], [0.5, -0.5]], requires_grad=True)
    teacher, unknown = torch.tensor([[1.0, -1.0], [3.0, -3.0]]), torch.tensor([-1, -1])
    warm = losses_of(logits, unknown, teacher, 0.9, 100.0).sum()
    (gradient,) = torch.autograd.grad(warm, logits)
    assert torch.allclose(gradient, (logits - teacher) / 2, rtol=0.01)


def test_the_adding_problem_trains(small, monkeypatch):
    wanted = loaded(
        small,
        "adding",
        *("task.name=adding", "task.examples=64", "training.epochs=1", "run.check_every=1"),
        "pruning.method=gradual",
    )
    trained, check = [], exact.check

    def seen(training: Training) -> int:
        trained.append(training.batch[0])
        return check(training)

    monkeypatch.setattr(exact, "check", seen)
    record = runner.execute(wanted)
    # Its ids are numbers: none is dropped, whatever training.word_dropout says.
    prepared = tasks.load("adding", "", 8).splits["train"].data
    given = Counter(prepared.ids[: prepared.start[64]].tolist())
    assert Counter(i for ids in trained for i in ids.flatten().tolist() if i) == given
    assert record["dev"].keys() == {"mean_squared_error"}
    assert load_ticket(RunFolder(wanted).ticket).config.classes == 1


@pytest.mark.parametrize(("name", "share"), [("toy", 0.05), ("sst2", 0.05), ("adding", 0.0)])
def test_words_are_dropped_where_ids_are_words(small, name, share):
    wanted = loaded(small, "words", f"task.name={name}")
    assert rounds.train_config(wanted, rounds.plan(wanted.pruning)[0]).word_dropout == share


@pytest.mark.parametrize("kind", ["float_dot", "float_inhibitor"])
def test_the_float_twins_run_too_and_leave_no_ticket(small, kind):
    wanted = loaded(small, "float", f"model.kind={kind}", "pruning.method=none", "training.epochs=1")
    record = runner.execute(wanted)
    assert record["ticket"] is None
    assert not RunFolder(wanted).ticket.exists()
    assert record["density"] == 1.0


def test_learning_rate_rewinding_keeps_the_trained_weights(small):
    wanted = loaded(small, "rate", "pruning.rewind=rate:5", "training.epochs=1")
    runner.execute(wanted)
    state = final(wanted)
    assert not [name for name in state if name.startswith("rewind.")]
    with pytest.raises(ConfigError, match=r"pruning\.rewind is rate:50; training has 7 steps"):
        runner.execute(loaded(small, "late", "pruning.rewind=rate:50", "training.epochs=1"))


def test_a_teacher_that_does_not_fit_is_one_error(small):
    path = small.parent / "teacher.npz"
    wanted = loaded(small, "taught", f"distillation.logits={path}", "training.epochs=1")
    with pytest.raises(ConfigError, match="not a teacher's answers"):
        runner.execute(wanted)
    np.savez(path, train=np.zeros((3, 2), np.float16))
    with pytest.raises(ConfigError, match="holds 3 rows for train; the task has 2048 sequences"):
        runner.execute(wanted)
    np.savez(path, train=np.zeros((2048, 2), np.float16))
    assert runner.execute(wanted)["steps"] == 2 * 7


def test_sequences_too_long_for_the_model_are_refused(monkeypatch):
    monkeypatch.setattr(tasks.tasks, "load", lambda name, folder, most: tasks.toy(16))
    with pytest.raises(ConfigError, match=r"task sst2 has up to 16 tokens; model\.max_tokens is 8"):
        tasks.load("sst2", "", 8)
    with pytest.raises(HwsimError):
        monkeypatch.undo()
        tasks.load("nonsense", "", 8)


def test_ternary_weights_begin_with_an_int8_ticket(tmp_path: Path) -> None:
    sizes = {"weights": "int8", "width": 32, "heads": 4, "layers": 1, "hidden": 64, "max_tokens": 16}
    sizes["embed_shift"] = 3
    task = replace(tasks.load("toy", "", 16), vocabulary=32)
    ticket = random_ticket(ModelConfig(vocabulary=32, classes=task.task.classes, **sizes), density=0.9)
    path = save_ticket(ticket, tmp_path / "int8.safetensors")
    changes = [f"model.{name}={value}" for name, value in sizes.items()] + [f"training.start={path}"]
    first = runner.build(config.load("tiny", [*changes, "model.weights=ternary"]), task)
    for name, linear in first.encoder():
        weight, _ = linear.integers(linear.shift())
        source = ticket.layers[0].linears[name.removeprefix("layers.0.")].weight
        assert np.array_equal(weight.detach().numpy(), np.where(source >= 0, 1, -1)), name
        step = 2.0 ** -(linear.shift.value.item() + linear.up)
        assert step == pytest.approx(0.8 * linear.latent.std().item(), rel=1e-5)
    same = runner.build(config.load("tiny", changes), task).to_ticket()
    assert same.digest() == ticket.digest()
    with pytest.raises(ConfigError, match="the ticket's hidden is 64, the model's is 128"):
        runner.build(config.load("tiny", [*changes, "model.hidden=128"]), task)
    with pytest.raises(ConfigError, match=r"model\.kind float_dot takes none"):
        config.load("tiny", [*changes, "model.kind=float_dot", "pruning.method=none"])
