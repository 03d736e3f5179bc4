"""Many runs at once: the same integers as each run alone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import hwsim
from hwsim.errors import ConfigError
from hwsim.models import InhibitorTransformer, pruning
from hwsim.models.batches import Sequences
from hwsim.models.descent import optimizer_of, warmth
from hwsim.models.pruning.gradual import GradualSchedule
from hwsim.models.stacked import answers, bench, noise, stack, train_stacked
from hwsim.models.stacked.batches import Order, Resident, ResidentLessons
from hwsim.models.stacked.graphs import Replay
from hwsim.models.stacked.train import StackedTraining, Stage, clipped
from hwsim.models.train import TrainConfig, Training, TrainingSet, losses_of, predict


def config(**changes: object) -> hwsim.ModelConfig:
    sizes = {"max_tokens": 8, "width": 16, "heads": 2, "layers": 1, "hidden": 16, "classes": 2}
    return hwsim.ModelConfig(**({"vocabulary": 50, "embed_shift": 3} | sizes | changes))


def made(seed: int, kind: str = "", **changes: object) -> InhibitorTransformer:
    if kind:
        return pruning.strong_ticket(config(**changes), kind, 0.3, seed)
    torch.manual_seed(seed)
    return InhibitorTransformer(config(**changes))


def toy(count: int = 96, seed: int = 0, known: float = 1.0, teacher: bool = False) -> TrainingSet:
    """Sequences whose label says whether id 7 occurs."""
    rng = np.random.default_rng(seed)
    rows = [rng.integers(8, 50, rng.integers(1, 9)) for _ in range(count)]
    labels = rng.integers(0, 2, count)
    for row, label in zip(rows, labels, strict=True):
        if label:
            row[rng.integers(0, len(row))] = 7
    logits = rng.normal(size=(count, 2)).astype(np.float32) if teacher else None
    labels[rng.random(count) >= known] = -1
    return TrainingSet(Sequences.pack([row.tolist() for row in rows], 8), labels, logits)


TRAINING = TrainConfig(epochs=3, batch=16, rate=5e-3)


@pytest.mark.parametrize("kind", ["", "edge_popup", "signed_supermask"])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"weights": "int4", "centring": "mean", "inhibition": "unsigned", "inner_norms": True, "classes": 3},
        {"weights": "int8", "centring": "none"},
    ],
    ids=["ternary", "int4", "int8"],
)
def test_each_run_of_a_stack_computes_the_integers_of_its_model(kind, changes):
    models = [made(seed, kind, **changes) for seed in range(3)]
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for seed, model in enumerate(models):
            for block in model.encoder_blocks():
                block.delta += torch.arange(2) * 3 + seed
                block.score_shift.value += seed % 2
    token_ids = torch.randint(0, 50, (3, 5, 8), generator=generator)
    mask = torch.rand(3, 5, 8, generator=generator) < 0.7
    mask[..., 0] = True
    with torch.no_grad():
        alone = torch.stack([m(i, k) for m, i, k in zip(models, token_ids, mask, strict=True)])
        assert torch.equal(stack(models)(token_ids, mask), alone)


def test_models_stay_alive_as_views_of_their_stack():
    models = [made(seed) for seed in range(2)]
    together = stack(models)
    pruning.magnitude(models[1], 0.5)
    assert together.blocks[0].q.linear.mask.sum((1, 2)).tolist() == [256, 128]
    with torch.no_grad():
        together.blocks[0].q.linear.latent.neg_()
    assert torch.equal(models[0].encoder_blocks()[0].q.latent, together.blocks[0].q.linear.latent[0])


def test_models_that_differ_are_not_stacked():
    with pytest.raises(ConfigError, match="no models"):
        stack([])
    strong = made(0, "edge_popup")
    sparser = pruning.strong_ticket(config(), "edge_popup", 0.2)
    for pair in [(made(0), made(0, hidden=24)), (made(0), strong), (strong, made(0, "signed_supermask"))]:
        with pytest.raises(ConfigError, match="one configuration"):
            stack(pair)
    with pytest.raises(ConfigError, match="one kind of layers"):
        stack([strong, sparser])


@pytest.mark.parametrize("kind", ["", "signed_supermask"])
@pytest.mark.parametrize("data", [toy(), toy(known=0.5, teacher=True)], ids=["labels", "teacher"])
def test_runs_end_with_the_same_integers_alone_and_among_others(kind, data):
    seeds = [3, 5, 8]
    schedules = [GradualSchedule(density, every=2) for density in (1.0, 0.5, 0.2)]

    def trained(which: list[int], size: int = 0) -> list[InhibitorTransformer]:
        models = [made(seeds[i], kind) for i in which]

        def watch(run: int, step: int, steps: int) -> None:
            if not kind:
                schedules[which[run]](models[run], step, steps)

        train_stacked(models, data, TRAINING, [seeds[i] for i in which], "cpu", size=size, watch=watch)
        return models

    together = [model.to_ticket() for model in trained([0, 1, 2])]
    for size in (1, 2):
        apart = [model.to_ticket().digest() for model in trained([0, 1, 2], size)]
        assert apart == [t.digest() for t in together]
    alone = [trained([i])[0].to_ticket() for i in range(3)]
    assert [t.digest() for t in together] == [t.digest() for t in alone]
    assert len({t.digest() for t in together}) == 3
    if not kind:
        assert [round(t.density, 2) for t in together] == [1.0, 0.5, 0.2]


@pytest.mark.parametrize("kind", ["", "signed_supermask"])
@pytest.mark.parametrize("size", [0, 1])
def test_trainings_on_one_stage_are_those_of_stages_of_their_own(kind, size):
    data = toy()
    stage = Stage(data, "cpu")
    tasks = [([3, 5], TRAINING, 0), ([8, 9], replace(TRAINING, epochs=2), 4), ([3], TRAINING, 0)]
    kept = []
    for seeds, config, first in tasks:
        digests = []
        for training in (stage, data):
            models = [made(seed, kind) for seed in seeds]
            if not kind:
                pruning.magnitude(models[0], 0.5)
            train_stacked(models, training, config, seeds, "cpu", size=size, first_step=first)
            digests.append([model.to_ticket().digest() for model in models])
            kept.append((models, digests[-1]))
        assert digests[0] == digests[1]
    for models, digests in kept:
        assert [model.to_ticket().digest() for model in models] == digests


def test_a_stage_keeps_the_stacks_of_its_last_training_alone():
    stage = Stage(toy(), "cpu")
    first = stage.stacks([[made(0)]], TRAINING, [[0]])
    assert stage.stacks([[made(1)]], replace(TRAINING, epochs=9), [[1]]) is first
    assert stage.stacks([[made(1)]], replace(TRAINING, batch=8), [[1]]) is not first
    assert stage.stacks([[made(1, "edge_popup")]], TRAINING, [[1]])[0].model.config == first[0].model.config


def with_states(data: TrainingSet) -> TrainingSet:
    states = np.random.default_rng(9).normal(size=(len(data.data), 6)).astype(np.float16)
    return replace(data, states=states)


def test_runs_with_a_loss_on_states_are_the_same_alone_and_among_others():
    data, config = with_states(toy(teacher=True)), replace(TRAINING, hidden=1.0)
    digests = []
    for which, size in (([3, 5], 0), ([3, 5], 1), ([3], 0), ([5], 0)):
        models = [made(seed) for seed in which]
        train_stacked(models, data, config, which, "cpu", size=size)
        digests += [model.to_ticket().digest() for model in models]
    assert digests[:2] == digests[2:4] == digests[4:]
    plain = made(3)
    train_stacked([plain], data, TRAINING, [3], "cpu")
    assert plain.to_ticket().digest() != digests[0]


def test_the_loss_on_states_is_its_formula():
    data, model = with_states(toy(teacher=True)), made(3)
    lessons = ResidentLessons(data, "cpu")
    losses = {}
    for weight in (0.0, 2.0):
        config = replace(TRAINING, hidden=weight, word_dropout=0.0)
        training = StackedTraining([made(3)], lessons, config, [3])
        losses[weight] = float(training.learn(0))
    order = Order(lessons, TRAINING.batch, torch.tensor([3]))
    batch = order.batch(0)
    index = lessons.index[batch.bucket][batch.rows[0]]
    # The projection begins at zero, so the error is the states themselves.
    told = torch.from_numpy(data.states)[index].double() / torch.from_numpy(data.states).float().std()
    assert model.config.classes == 2
    assert losses[2.0] - losses[0.0] == pytest.approx(2 * float(told.square().mean()), rel=1e-3)


def test_a_loss_on_states_needs_them_and_a_stack():
    config = replace(TRAINING, hidden=1.0)
    with pytest.raises(ConfigError, match="the lessons have no states"):
        train_stacked([made(3)], toy(teacher=True), config, [3], "cpu")
    with pytest.raises(ConfigError, match="needs a stack: hwsim search"):
        Training(made(3), with_states(toy(teacher=True)), config, "cpu")


def test_a_run_equals_the_plain_loop_over_its_batches():
    """One model with AdamW and clipping of PyTorch, fed the run's batches and dropped words."""
    data, seed = toy(), 5
    stacked = [made(4), made(seed)]
    train_stacked(stacked, data, TRAINING, [4, seed], "cpu")
    model = made(seed).train()
    resident = Resident(data.data, "cpu")
    order = Order(resident, TRAINING.batch, torch.tensor([seed]))
    optimizer, steps = optimizer_of(model, TRAINING, "cpu"), TRAINING.epochs * order.steps
    for step in range(steps):
        batch = order.batch(step)
        token_ids, mask = (part[batch.bucket][batch.rows[0]] for part in (resident.token_ids, resident.mask))
        labels = torch.from_numpy(data.labels)[resident.index[batch.bucket][batch.rows[0]]]
        dropped = noise.uniform(torch.tensor([seed]), step, tuple(token_ids.shape))[0] < TRAINING.word_dropout
        logits = model.classifier.real(model(token_ids.masked_fill(dropped, 1), mask))
        optimizer.zero_grad()
        losses_of(logits, labels, None, 1.0).mean().backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * warmth(step, steps)
        optimizer.step()
    assert model.to_ticket().digest() == stacked[1].to_ticket().digest()


def test_stacked_runs_learn():
    models = [made(seed) for seed in range(2)]
    train_stacked(models, toy(512), TrainConfig(epochs=12, batch=32, rate=1e-2), [0, 1], "cpu")
    held_out = toy(256, seed=1)
    alone = [predict(InhibitorTransformer.from_ticket(m.to_ticket()), held_out.data, "cpu") for m in models]
    found = answers(models, held_out.data, "cpu")
    assert np.array_equal(found, alone)
    assert (found.argmax(-1) == held_out.labels).mean(1).min() > 0.85


def test_training_from_a_later_step_takes_the_same_batches():
    data = toy()
    seen: dict[int, list[int]] = {0: [], 7: []}
    orders = {}
    for first, steps in seen.items():
        order = Order(Resident(data.data, "cpu"), 16, torch.tensor([3]))
        orders[first] = [order.batch(step).rows.tolist() for step in range(7, 15)]
        model = made(3)

        def watch(run: int, step: int, of: int, kept: list[int] = steps) -> None:
            kept.append(step)

        train_stacked([model], data, TRAINING, [3], "cpu", first_step=first, watch=watch)
    assert orders[0] == orders[7]
    assert seen[0] == list(range(seen[0][-1] + 1))
    assert seen[7] == list(range(7, seen[0][-1] + 1))
    with pytest.raises(ConfigError, match="cannot begin at step 999"):
        train_stacked([made(3)], data, TRAINING, [3], "cpu", first_step=999)
    with pytest.raises(ConfigError, match="give each its own"):
        train_stacked([made(3)], data, TRAINING, [3, 4], "cpu")


def test_each_epoch_holds_every_sequence_once_in_an_order_of_each_run():
    widths = np.random.default_rng(0).integers(1, 40, 100)
    data = Sequences.pack([[9] * int(n) for n in widths], 64)
    resident = Resident(data, "cpu")
    order = Order(resident, 16, torch.tensor([1, 2]))
    epochs = []
    for epoch in range(2):
        batches = [order.batch(epoch * order.steps + step) for step in range(order.steps)]
        parts = [resident.index[batch.bucket][batch.rows] for batch in batches]
        for run in range(2):
            assert sorted(torch.cat([part[run] for part in parts]).tolist()) == list(range(100))
        epochs.append(torch.cat(parts, 1).tolist())
    assert epochs[0][0] != epochs[0][1]
    assert epochs[0][0] != epochs[1][0]


def test_the_hash_is_splitmix64():
    first = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    states = torch.arange(3) * noise.GOLDEN
    assert [value % (1 << 64) for value in noise.mixed(states).tolist()] == first


def test_uniform_numbers_are_uniform_and_each_runs_own():
    seeds = torch.tensor([0, 1, 2])
    found = noise.uniform(seeds, 4, (50, 40))
    assert found.shape == (3, 50, 40)
    assert found.min() >= 0
    assert found.max() < 1
    assert found.mean((1, 2)).tolist() == pytest.approx([0.5] * 3, abs=0.02)
    assert torch.equal(noise.uniform(seeds[1:2], 4, (50, 40))[0], found[1])
    assert abs(float(torch.corrcoef(found.flatten(1))[0, 1])) < 0.06
    assert not torch.equal(noise.uniform(seeds, 5, (50, 40)), found)
    assert torch.equal(noise.uniform(seeds, torch.tensor(4), (50, 40)), found)


def test_clipping_is_pytorchs_in_every_run():
    generator = torch.Generator().manual_seed(0)
    gradients = [torch.randn(3, *shape, generator=generator) for shape in ((4, 5), (1, 6), (1, 1))]
    gradients = [gradient * torch.tensor([0.01, 1.0, 30.0]).view(3, 1, 1) for gradient in gradients]
    found = clipped(gradients)
    for run in range(3):
        parameters = [nn.Parameter(torch.zeros_like(gradient[run])) for gradient in gradients]
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient[run].clone()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        for parameter, ours in zip(parameters, found, strict=True):
            assert torch.allclose(parameter.grad, ours[run], rtol=1e-6)


def test_frozen_parameters_are_not_trained():
    models = [made(seed, "edge_popup") for seed in range(2)]
    training = StackedTraining(models, ResidentLessons(toy(), "cpu"), TRAINING, [0, 1])
    trained = {id(p) for p in training.parameters}
    frozen = [name for name, p in training.model.named_parameters() if id(p) not in trained]
    assert frozen
    assert all(name.endswith("linear.bias") for name in frozen)


def test_without_a_gpu_a_step_simply_runs():
    replay = Replay(lambda shape, inputs: inputs + len(shape), "cpu", capture=True)
    assert [replay("ab", torch.tensor(n)).item() for n in range(5)] == [2, 3, 4, 5, 6]


def test_the_benchmark_counts_trainings_a_minute(tmp_path, capsys):
    bench.app(["--quick", "--out", str(tmp_path / "bench.json")], standalone_mode=False)
    result = json.loads((tmp_path / "bench.json").read_text())
    assert json.loads(capsys.readouterr().out) == result
    assert [(row["way"], row["runs"]) for row in result["rows"]] == [
        ("single loop", 1),
        ("stacked", 1),
        ("stacked", 2),
    ]
    for row in result["rows"]:
        steps = result["epochs_of_a_training"] * result["steps_of_an_epoch"]
        expected = 60_000 * row["runs"] / (row["milliseconds_a_step"] * steps)
        assert row["trainings_a_minute"] == pytest.approx(expected, rel=0.01)
    assert [row["same_integers"] for row in result["rows"][1:]] == [True, True]


def test_the_documented_table_is_that_of_the_record():
    root = Path(__file__).parents[2]
    record = json.loads((root / "models" / "stacked" / "bench.json").read_text())
    assert bench.table(record) in (root / "docs" / "pruning.md").read_text()
