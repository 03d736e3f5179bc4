"""Grids: what a file may say, what a cell runs, its records, and going on after any interruption."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from signals import interrupted

import hwsim
from hwsim.cost import cost
from hwsim.errors import ConfigError
from hwsim.metrics import calibration_error, cross_entropy, divergence
from hwsim.models import InhibitorTransformer
from hwsim.models.grid import cells, execute, load, shipped
from hwsim.models.grid.barriers import along
from hwsim.models.grid.cells import Cell, rounds
from hwsim.models.grid.folder import GridFolder
from hwsim.models.grid.overlaps import overlap, write_overlaps
from hwsim.models.grid.records import hexadecimal, measures
from hwsim.models.runs import tasks
from hwsim.models.stacked.train import StackedTraining
from hwsim.models.train import accuracy, predict

CONFIG = hwsim.ModelConfig(50, max_tokens=8, width=16, heads=2, layers=1, hidden=16, classes=2)
PASSING = ("seconds", "device")
"""Fields of a record that say how a run went and not what came out."""


class Quiet:
    """Watches and says nothing."""

    def __init__(self) -> None:
        self.steps = 0

    def begin(self, cell: str, round: str, number: int, count: int) -> None:
        pass

    def step(self, step: int, steps: int) -> None:
        self.steps += 1


def toy(name: str, *assignments: str) -> Cell:
    grid_name, grid = load("toy", assignments)
    return cells(grid_name, grid, [name])[0]


def records(out: Path) -> dict[str, dict]:
    found = {path.name: json.loads(path.read_text()) for path in sorted((out / "records").glob("*.json"))}
    return {
        name: {key: value for key, value in record.items() if key not in PASSING}
        for name, record in found.items()
    }


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy grid's ternary cell, run without interruption."""
    out = tmp_path_factory.mktemp("grid")
    execute(toy("ternary"), out, Quiet())
    return out


@pytest.mark.parametrize("name", shipped())
def test_shipped_grids_describe_cells_that_can_be_made(name):
    found = cells(*load(name))
    assert len({cell.key for cell in found}) == len(found)
    for cell in found:
        seen = [one.name for one in cell.rounds]
        assert len(set(seen)) == len(seen)
        assert all(one.after is None or one.after in seen[:i] for i, one in enumerate(cell.rounds))
        assert bool(cell.config.distillation.logits) == cell.name.endswith("distilled")
        cell.config.model.architecture(8192, 2)


def test_rounds_are_the_methods_trainings_each_once_on_the_ladder_of_iterative():
    found = rounds({"iterative": (1, 2, 3), "shuffle": (2,), "long_dense": (3,), "one_shot": (1,)}, 0.5)
    assert [one.name for one in found] == [
        *("dense", "iterative-0.500000", "iterative-0.250000", "iterative-0.125000"),
        *("shuffle-0.250000", "long_dense-0.125000", "one_shot-0.500000"),
    ]
    assert found[5].trainings == 4
    assert [one.name for one in rounds({"dense": (0,), "edge_popup": (2,)}, 0.5)] == [
        "dense",
        "edge_popup-0.250000",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed = 3", r"g\.toml: unknown field seed; did you mean seeds\?"),
        ("seeds = 3", r"g\.toml: seeds is 3; it must be a list"),
        ('seeds = [0, "1"]', r'g\.toml: seeds\[1\] is "1"; it must be a whole number'),
        ("keep = 2.0", r"g\.toml: keep is 2\.0; it lies in 0\.01\.\.0\.99"),
        ("[cells.a]\nmethods = [1]", r"g\.toml: cells\.a\.methods is \[1\]; it is a section of named values"),
        ("[cells.a.methods]\nluck = [1]", r"grid g, cells\.a: search method 'luck'; choose one of"),
        ("[cells.a.methods]\ndense = [1]", r"methods\.dense is \[1\]; the dense model is rung 0 alone"),
        (
            "[cells.a.methods]\niterative = [1, 2]\nshuffle = [3]",
            r"methods\.shuffle has rung 3, which is not on the ladder \[1, 2\]",
        ),
        ("[cells.a]\nset = ['model.width=33']", r"grid g, cells\.a: .*model\.width is 33"),
        ("[cells.A-b.methods]\ndense = [0]", r"cells\.A-b: a cell's name is made of a-z, 0-9 and _"),
        ("", r"g\.toml: a grid without cells"),
        (
            "[cells.a]\nbarriers = [2]\n[cells.a.methods]\niterative = [1]",
            r"barriers has rung 2, at which no ticket is found; add it to iterative",
        ),
        (
            '[overlaps]\npairs = [["a"]]\n[cells.a.methods]\ndense = [0]',
            r"overlaps\.pairs has \[.*\]; a pair is two cells",
        ),
    ],
)
def test_a_wrong_grid_is_one_error_naming_the_field(text, message, tmp_path):
    path = tmp_path / "g.toml"
    path.write_text(f'config = "tiny"\n{text}' if text.startswith("[") or not text else text)
    with pytest.raises(ConfigError, match=message):
        cells(*load(path))


def test_unknown_grids_and_cells_are_named():
    with pytest.raises(ConfigError, match=r"grids that come with hwsim: .*toy"):
        load("luck")
    with pytest.raises(ConfigError, match="has no cell luck; its cells: ternary"):
        cells(*load("toy"), ["luck"])


def test_a_folder_does_not_hide_what_comes_with_hwsim(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("toy", "tiny"):
        (tmp_path / folder).mkdir()
    name, grid = load("toy")
    assert name == "toy"
    assert cells(name, grid)[0].config.run.folder == "runs"
    with pytest.raises(ConfigError, match="no such file; grids that come with hwsim"):
        load(tmp_path)


@pytest.mark.parametrize("name", ["seeds", "seed", "keep"])
def test_what_a_grid_says_in_its_file_is_not_set(name):
    with pytest.raises(ConfigError, match=rf"^--set {name}: a grid says (seeds|keep) in its file, write it"):
        load("toy", ["training.epochs=3", f"{name}=[1]"])


def test_measures_are_those_of_answers():
    logits = np.array([[2.0, 0.0], [0.0, 1.0], [3.0, 1.0]])
    labels, dense = np.array([0, 1, 1]), np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 5.0]])
    found = measures(logits, labels, dense)
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert found["agreement"] == pytest.approx(1 / 3)
    assert found["loss"] == cross_entropy(logits, labels)
    assert found["ece"] == calibration_error(logits, labels)
    assert measures(logits, labels)["agreement"] is None
    assert "teacher_divergence" not in found
    taught = measures(logits, labels, dense, said=logits + 1.0)
    assert taught == found | {"teacher_divergence": pytest.approx(0.0, abs=1e-12)}
    assert measures(logits, labels, said=dense)["teacher_divergence"] == divergence(logits, dense) > 0.1
    assert hexadecimal(np.array([True, False, True])) == "a0"


def test_a_record_says_everything_of_its_run(done):
    cell = toy("ternary")
    dev = tasks.load("toy", "", 8).splits["dev"]
    found = records(done)
    assert len(found) == len(cell.rounds) * len(cell.seeds)
    for record in found.values():
        home = done / "cells" / "toy-ternary" / f"seed-{record['seed']}"
        ticket = hwsim.load_ticket(home / f"{record['round']}.ticket.safetensors")
        counted = cost(ticket, 1)
        assert record["ticket"] == ticket.digest()
        assert record["bits"]["total"] == counted.bits.weights + counted.bits.mask_entropy
        assert record["digits_per_token"] == ticket.digits
        assert record["parameters"] == counted.parameters
        right = np.unpackbits(np.frombuffer(bytes.fromhex(record["right"]), np.uint8))
        assert right[: record["examples"]].mean() == pytest.approx(record["metrics"]["accuracy"])
        model = InhibitorTransformer.from_ticket(ticket)
        assert record["metrics"]["accuracy"] == accuracy(model, dev.data, dev.labels, "cpu")
        assert (record["metrics"]["agreement"] is None) == (record["method"] == "dense")
    assert (
        found["toy-ternary-long_dense-0.250000-0.json"]["steps"]
        == 3 * (found["toy-ternary-dense-0.json"]["steps"])
    )
    small, ticket = (found[f"toy-ternary-{m}-0.500000-1.json"] for m in ("small_dense", "iterative"))
    assert ticket["encoder_weights"] / 2 <= small["encoder_weights"] < ticket["encoder_weights"] * 0.6
    assert small["rung"] == ticket["rung"] == 0.5


def test_with_a_teacher_a_record_holds_the_distillation_loss_on_dev(tmp_path):
    data = tasks.load("toy", "", 8)
    rng = np.random.default_rng(0)
    said = {name: rng.normal(size=(len(split.data), 2)) for name, split in data.splits.items()}
    np.savez(tmp_path / "logits.npz", **said)
    path = tmp_path / "taught.toml"
    path.write_text('config = "tiny"\n[cells.distilled.methods]\ndense = [0]\n')
    sizes = ("task.examples=256", "model.max_tokens=8", "model.width=32", "model.hidden=32", "model.layers=1")
    settings = (*sizes, "pruning.method=none", f"distillation.logits={tmp_path / 'logits.npz'}")
    (cell,) = cells(*load(path, settings))
    execute(cell, tmp_path, Quiet())
    (found,) = records(tmp_path).values()
    home = tmp_path / "cells" / cell.key / "seed-0"
    model = InhibitorTransformer.from_ticket(hwsim.load_ticket(home / "dense.ticket.safetensors"))
    logits = predict(model, data.splits["dev"].data, "cpu")
    assert found["metrics"]["teacher_divergence"] == divergence(logits, said["dev"].astype(np.float32))


@pytest.mark.parametrize("stop_at", [1, 27, 100])
def test_a_cell_stopped_anywhere_goes_on_to_the_same_records(stop_at, done, tmp_path, monkeypatch):
    taken: list[int] = []
    learn = StackedTraining.learn

    def counted(self: StackedTraining, step: int) -> torch.Tensor:
        taken.append(step)
        if len(taken) == stop_at:
            raise KeyboardInterrupt
        return learn(self, step)

    monkeypatch.setattr(StackedTraining, "learn", counted)
    with pytest.raises(KeyboardInterrupt):
        execute(toy("ternary"), tmp_path, Quiet())
    assert records(tmp_path).items() < records(done).items()
    execute(toy("ternary"), tmp_path, Quiet())
    assert records(tmp_path) == records(done)
    # The stop cost no more than the steps since the last checkpoint, of two runs.
    assert len(taken) <= sum(record["steps"] for record in records(done).values()) + 2 * 4


def test_what_is_there_is_not_made_again_and_what_was_lost_is(done, tmp_path):
    (done / "records" / "toy-ternary-shuffle-0.500000-1.json").unlink()
    before = records(done)
    watch = Quiet()
    execute(toy("ternary"), done, watch)
    assert watch.steps == 0
    after = records(done)
    assert after.keys() - before.keys() == {"toy-ternary-shuffle-0.500000-1.json"}
    assert before.items() < after.items()


def test_a_folder_keeps_to_one_grid_of_a_name_and_a_cell_to_one_process(tmp_path):
    folder = GridFolder(tmp_path)
    name, grid = load("toy")
    folder.note(name, grid)
    folder.note(name, grid)
    with pytest.raises(ConfigError, match=r"is a grid of hash .*; give another --out"):
        folder.note(*load("toy", ["training.epochs=3"]))
    with (
        folder.claimed(toy("int4")),
        pytest.raises(ConfigError, match=r"process \d+ is running this cell"),
    ):
        execute(toy("int4"), tmp_path, Quiet())


def test_processes_with_different_cells_share_a_folder(tmp_path):
    command = [sys.executable, "-m", "hwsim", "search", "--grid", "toy", "--local", "--out", str(tmp_path)]
    running = [subprocess.Popen([*command, "--cells", name]) for name in ("step", "int4")]
    assert [process.wait() for process in running] == [0, 0]
    found = records(tmp_path).values()
    assert [sum(one["kind"] == kind for one in found) for kind in ("run", "barrier")] == [2 * (5 + 2), 4]


def test_a_grid_is_complete_and_the_same_though_a_worker_of_ray_was_killed(tmp_path):
    command = [sys.executable, "-m", "hwsim", "search", "--grid", "toy", "--cells", "step,int4"]
    cells_folder = tmp_path / "ray" / "cells"
    with subprocess.Popen([*command, "--workers", "2", "--out", str(tmp_path / "ray")]) as driver:
        # The first round of `step` is being trained, or has just been: four more are to come.
        while not list(cells_folder.glob("toy-step/*.unfinished")):
            assert driver.poll() is None
            time.sleep(0.01)
        os.kill(int((cells_folder / "toy-step" / "lock").read_text()), signal.SIGKILL)
        assert not (tmp_path / "ray" / "records" / "toy-step-grid_rewind-0.250000-1.json").exists()
    assert driver.returncode == 0
    for name in ("step", "int4"):
        execute(toy(name), tmp_path / "local", Quiet())
    assert records(tmp_path / "ray") == records(tmp_path / "local")


@pytest.mark.parametrize("how", [["--local"], ["--workers", "1"]], ids=["local", "ray"])
def test_ctrl_c_says_how_to_go_on(how, tmp_path):
    words = ["search", "--grid", "toy", "--cells", "step", *how, "--out", str(tmp_path)]
    status, said = interrupted(words, lambda: any(tmp_path.glob("cells/toy-step/*.unfinished")))
    assert status == 130
    assert said.endswith(f"go on with: hwsim {shlex.join(words)}")


def test_what_a_cell_raises_by_ray_is_what_it_raises_here(tmp_path):
    command = [sys.executable, "-m", "hwsim", "search", "--grid", "toy", "--cells", "step", "--workers", "1"]
    wrong = ("--set", "pruning.rewind=step:99", "--out", str(tmp_path))
    result = subprocess.run([*command, *wrong], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == "hwsim: pruning.rewind is step:99; training has 16 steps"


def test_an_overlap_counts_what_masks_and_signs_have_in_common():
    def tensors(mask: list[int], latent: list[float]) -> dict[str, torch.Tensor]:
        return {"blocks.0.q.mask": torch.tensor([mask]) == 1, "blocks.0.q.latent": torch.tensor([latent])}

    a, b = tensors([1, 1, 1, 0], [1.0, -1.0, 1.0, 1.0]), tensors([1, 1, 0, 0], [2.0, 3.0, 1.0, 1.0])
    found = overlap(a, b)
    assert found["layers"] == {"layers.0.q": {"kept_a": 3, "kept_b": 2, "common": 2, "weights": 4}}
    assert (found["common"], found["expected"], found["agreement_of_signs"]) == (2, 3 * 2 / 4, 0.5)
    assert overlap(a, tensors([0, 0, 0, 1], [1.0] * 4))["agreement_of_signs"] is None


def test_overlaps_compare_the_cells_that_are_done(done):
    name, grid = load("toy")
    keys, folder = {cell.name: cell.key for cell in cells(name, grid)}, GridFolder(done)
    write_overlaps(name, grid, keys, folder)
    seeds = {n: r for n, r in records(done).items() if r["kind"] == "overlap"}
    assert sorted(seeds) == [f"toy-ternary-toy-ternary-iterative-0.500000-{s}-overlap.json" for s in (0, 1)]
    execute(toy("float_inhibitor"), done, Quiet())
    write_overlaps(name, grid, keys, folder)
    record = records(done)["toy-ternary-toy-float_inhibitor-iterative-0.500000-1-overlap.json"]
    assert (record["a"]["model"], record["b"]["model"], record["density"]) == (
        "ternary",
        "float_inhibitor",
        0.5,
    )
    kept = sum(layer["kept_a"] for layer in record["layers"].values())
    # The same first weights: far more than chance.
    assert 1.5 * record["expected"] < record["common"] < kept
    assert record["agreement_of_signs"] > 0.9


def test_a_line_between_two_models_shows_its_barrier():
    ends = [InhibitorTransformer(CONFIG) for _ in range(2)]
    seen = []

    def measure(models: Sequence[InhibitorTransformer]) -> list[dict[str, float]]:
        seen.extend(model.token.latent.detach() for model in models)
        return [
            {"loss": loss, "accuracy": accuracy}
            for loss, accuracy in zip([1.0, 4.0, 2.0], [0.9, 0.5, 0.7], strict=True)
        ]

    found = along(InhibitorTransformer(CONFIG), ends, [0.0, 0.5, 1.0], measure)
    assert torch.equal(seen[0], ends[0].token.latent)
    assert torch.equal(seen[2], ends[1].token.latent)
    torch.testing.assert_close(seen[1], (ends[0].token.latent + ends[1].token.latent) / 2)
    assert (found["barrier_loss"], found["barrier_accuracy"]) == (2.5, pytest.approx(0.3))


def test_barriers_are_measured_from_the_rewind_point_under_each_mask(tmp_path):
    cell = toy("step")
    execute(cell, tmp_path, Quiet())
    found = {n: r for n, r in records(tmp_path).items() if r["kind"] == "barrier"}
    assert sorted(found) == [
        f"toy-step-{round}-{seed}-barrier.json"
        for round in ("dense", "iterative-0.500000")
        for seed in (0, 1)
    ]
    record = found["toy-step-iterative-0.500000-1-barrier.json"]
    assert (record["step"], record["density"], record["seeds"]) == (3, 0.5, [1002, 1003])
    assert len(record["points"]) == len(record["losses"]) == len(record["accuracies"]) == 11
    assert record["barrier_loss"] >= 0
    (tmp_path / "records" / "toy-step-dense-0-barrier.json").unlink()
    execute(cell, tmp_path, Quiet())
    again = records(tmp_path)
    assert all(again[name] == record for name, record in found.items())
