"""Searches that really train: again, after an interruption, watched by TensorBoard and the emulator."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from scalars import next_second, scalars
from searchable import LADDER, made, outcome

from hwsim.models import InhibitorTransformer, exact, pruning
from hwsim.models.batches import Sequences
from hwsim.models.search import Course, Job, Setup, search
from hwsim.models.search.from_config import TRAINERS
from hwsim.models.train import TrainConfig, TrainingSet


@pytest.mark.parametrize("trainer", TRAINERS.values(), ids=TRAINERS)
def test_real_training_gives_the_same_tickets_again_and_after_an_interruption(trainer, tmp_path):
    rng = np.random.default_rng(0)
    rows = [rng.integers(8, 50, rng.integers(1, 9)).tolist() for _ in range(64)]
    data = TrainingSet(Sequences.pack(rows, 8), rng.integers(0, 2, 64))
    calls = []

    def measure(model: InhibitorTransformer) -> dict[str, float]:
        calls.append(model)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return {"density": pruning.density(model)}

    config = TrainConfig(epochs=2, batch=16)
    fit = partial(trainer, Course(data, config, measure, "cpu", lambda step, steps: None))
    chosen = replace(Setup("random", made, fit, "tests"), rewind=pruning.Rewind(5))
    with pytest.raises(KeyboardInterrupt):
        search(chosen, tmp_path / "parts", "iterative", [0.5], [0, 1])
    parts = search(chosen, tmp_path / "parts", "iterative", [0.5], [0, 1])
    whole = search(chosen, tmp_path / "whole", "iterative", [0.5], [0, 1])
    assert outcome(parts) == outcome(whole)
    assert [record["metrics"]["density"] for record in whole] == [1.0, 1.0, 0.5, 0.5]
    assert len({record["ticket"] for record in whole}) == 4


@pytest.mark.parametrize("trainer", TRAINERS.values(), ids=TRAINERS)
def test_a_round_that_is_stopped_midway_goes_on_from_its_checkpoint(trainer, tmp_path):
    rng = np.random.default_rng(0)
    rows = [rng.integers(8, 50, rng.integers(1, 9)).tolist() for _ in range(64)]
    data = TrainingSet(Sequences.pack(rows, 8), rng.integers(0, 2, 64))
    config = TrainConfig(epochs=30, batch=16)

    def run(folder: Path, stop_at: int | None) -> tuple[list[dict], list[int]]:
        steps: list[int] = []

        def progress(step: int, total: int) -> None:
            steps.append(step)
            if stop_at is not None and len(steps) > stop_at:
                raise KeyboardInterrupt

        course = Course(
            data, config, lambda model: {"density": pruning.density(model)}, "cpu", progress, save_every=7
        )
        setup = Setup("random", made, partial(trainer, course), "tests")
        return search(setup, folder, "gradual", [0.5], [0, 1]), steps

    whole, every = run(tmp_path / "whole", None)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "parts", len(every) - 1)
    assert list((tmp_path / "parts").glob("*.unfinished/*.safetensors"))
    parts, left = run(tmp_path / "parts", None)
    assert outcome(parts) == outcome(whole)
    assert len(left) < len(every)
    assert left[0] > 0
    assert not list((tmp_path / "parts").glob("*.unfinished"))
    assert not (tmp_path / "parts" / "tensorboard").exists()


@pytest.mark.parametrize("trainer", TRAINERS.values(), ids=TRAINERS)
def test_tensorboard_has_a_line_of_each_seed_and_every_step_once(trainer, tmp_path):
    rng = np.random.default_rng(0)
    data = TrainingSet(Sequences.pack(rng.integers(8, 50, (64, 8)).tolist(), 8), rng.integers(0, 2, 64))
    course = Course(
        data,
        TrainConfig(epochs=26, batch=16),
        lambda model: {"density": pruning.density(model)},
        "cpu",
        lambda step, steps: None,
        save_every=90,
    )

    def stopped(job: Job) -> list[dict[str, float]]:
        """Steps 90 to 101 are made again."""

        def watch(run: int, step: int, steps: int) -> None:
            job.watch(run, step, steps)
            if step == 102:
                raise KeyboardInterrupt

        return trainer(course, replace(job, watch=watch))

    whole = Setup("random", made, partial(trainer, course), "tests", tensorboard=True)
    search(whole, tmp_path / "whole", "gradual", [0.5], [0, 1])
    with pytest.raises(KeyboardInterrupt):
        search(replace(whole, fit=stopped), tmp_path / "parts", "gradual", [0.5], [0, 1])
    next_second()
    search(whole, tmp_path / "parts", "gradual", [0.5], [0, 1])
    seen = []
    for seed in (0, 1):
        found, expected = (
            scalars(tmp_path / name / f"tensorboard/gradual-0.500000/seed-{seed}")
            for name in ("parts", "whole")
        )
        assert found == expected
        assert [step for step, _ in found["loss"] if step] == [100]
        assert found["dev/density"] == [(104, 0.5)]
        seen.append(found["loss"])
    assert seen[0] != seen[1]


@pytest.mark.parametrize("trainer", TRAINERS.values(), ids=TRAINERS)
@pytest.mark.parametrize("method", ["gradual", "edge_popup", "signed_supermask"])
def test_every_run_is_held_against_the_emulator_while_it_trains(trainer, method, tmp_path, monkeypatch):
    seen = []
    compare = exact.compare

    def counting(model, token_ids, mask, logits, when):
        seen.append((when.split(",")[0], compare(model, token_ids, mask, logits, when)))

    monkeypatch.setattr(exact, "compare", counting)
    rng = np.random.default_rng(0)
    rows = [rng.integers(8, 50, rng.integers(1, 9)).tolist() for _ in range(64)]
    course = Course(
        TrainingSet(Sequences.pack(rows, 8), rng.integers(0, 2, 64)),
        TrainConfig(epochs=2, batch=16),
        lambda model: {"density": pruning.density(model)},
        "cpu",
        lambda step, steps: None,
        check_every=3,
    )
    search(Setup("random", made, partial(trainer, course), "tests"), tmp_path, method, [0.5], [0, 1])
    steps = int(max(when.split()[1] for when, _ in seen))
    assert sorted({when for when, _ in seen}) == [
        f"step {n}" for n in range(1, steps + 1) if n % 3 == 0 or n == steps
    ]
    assert len(seen) == 2 * len({when for when, _ in seen})
    assert {tensors for _, tensors in seen} == {15}


@pytest.mark.parametrize("trainer", TRAINERS.values(), ids=TRAINERS)
@pytest.mark.parametrize("wrong", [0.25, 1.0])
def test_a_search_that_leaves_the_integers_ends(trainer, wrong, tmp_path, monkeypatch):
    pooled = InhibitorTransformer.pooled

    def off(self, token_ids, mask, trace=None):
        state = pooled(self, token_ids, mask, trace)
        return state if trace is not None else state + wrong

    monkeypatch.setattr(InhibitorTransformer, "pooled", off)
    data = TrainingSet(Sequences.pack([[9, 10], [11, 12]] * 8, 8), np.array([0, 1] * 8))
    course = Course(
        data,
        TrainConfig(epochs=2, batch=16),
        lambda model: {"density": 1.0},
        "cpu",
        lambda step, steps: None,
        check_every=1,
    )
    with pytest.raises(exact.InexactError, match=r"step 1\b.*logits"):
        search(Setup("random", made, partial(trainer, course), "tests"), tmp_path, "dense", [0.5], [0, 1])
    assert not list(tmp_path.rglob("dense.json"))


@pytest.mark.parametrize("trainer", TRAINERS.values(), ids=TRAINERS)
def test_a_long_dense_training_takes_as_many_epochs_as_the_ladder(trainer, tmp_path):
    rng = np.random.default_rng(0)
    data = TrainingSet(Sequences.pack(rng.integers(8, 50, (64, 8)).tolist(), 8), rng.integers(0, 2, 64))
    course = Course(
        data, TrainConfig(epochs=2, batch=16), lambda model: {"none": 0.0}, "cpu", lambda step, steps: None
    )
    records = search(
        Setup("random", made, partial(trainer, course), "tests"), tmp_path, "long_dense", LADDER, [0]
    )
    assert [record["steps"] for record in records] == [8 * trainings for trainings in (2, 3, 4)]
