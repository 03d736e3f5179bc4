"""Searches: every method's trainings, their rewinding, their records, and going on after an interruption."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from searchable import CONFIG, LADDER, made, outcome

import hwsim
from hwsim.errors import ConfigError, HwsimError
from hwsim.models import InhibitorTransformer, pruning
from hwsim.models.pruning.rewind import same
from hwsim.models.search import Job, Setup, search

STEPS = 6


def wide(seed: int) -> InhibitorTransformer:
    torch.manual_seed(seed)
    return InhibitorTransformer(replace(CONFIG, width=64, hidden=64))


class Noise:
    """Stands in for training: each step adds numbers that depend on seed and step alone."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.calls: list[tuple[list[int], int]] = []
        self.began: list[pruning.Snapshot] = []
        self.stop_at = stop_at

    def __call__(self, job: Job) -> list[dict[str, float]]:
        assert job.save.is_dir()
        if len(self.calls) == self.stop_at:
            raise KeyboardInterrupt
        self.calls.append((list(job.seeds), job.first_step))
        self.began.append(pruning.Snapshot.of(job.models[0]))
        for run, (model, seed) in enumerate(zip(job.models, job.seeds, strict=True)):
            for step in range(job.first_step, STEPS):
                job.watch(run, step, STEPS)
                generator = torch.Generator().manual_seed(1000 * seed + step)
                with torch.no_grad():
                    for parameter in model.parameters():
                        parameter += torch.randn(parameter.shape, generator=generator) * 0.1
        return [{"accuracy": 0.5} for _ in job.models]


def elsewhere(folder: Path, seeds: list[int]) -> Path:
    """The folder of another search, whose tickets can be transferred."""
    search(Setup("elsewhere", made, Noise(), "elsewhere"), folder, "iterative", LADDER, seeds)
    return folder


def setup(fit: Noise, **changes: object) -> Setup:
    return replace(Setup("noise", made, fit, "tests"), **changes)


@pytest.mark.parametrize("method", sorted(pruning.METHODS))
def test_every_method_ends_in_integer_tickets_of_exact_density(method, tmp_path):
    source = elsewhere(tmp_path / "source", [0, 1]) if method == "transfer" else None
    # There is no model of fewer weights than the smallest.
    make = wide if method == "small_dense" else made
    records = search(setup(Noise(), source=source, make=make), tmp_path, method, LADDER, [0, 1])
    own = [record for record in records if record["method"] == method]
    assert [r["rung"] for r in own if r["seed"] == 1] == ([1.0] if method == "dense" else list(LADDER))
    for record in own:
        home = tmp_path / f"seed-{record['seed']}"
        ticket = hwsim.load_ticket(home / f"{record['round']}.ticket.safetensors")
        assert ticket.digest() == record["ticket"]
        expected = 1.0 if method in ("small_dense", "long_dense") else record["rung"]
        assert ticket.density == record["density_integer"] == record["density"] == expected
        assert record["steps"] == STEPS
        assert sum(record["densities"].values()) / len(record["densities"]) == pytest.approx(
            record["density"]
        )
        assert json.loads((home / f"{record['round']}.json").read_text()) == record
    assert {"task", "config", "metrics", "seconds", "device", "rule", "rewind", "digits"} <= set(own[0])


@pytest.mark.parametrize("rewind", ["init", "step:4", "rate:4"])
def test_each_round_begins_with_the_weights_rewound_to(rewind, tmp_path):
    fit = Noise()
    search(setup(fit, rewind=pruning.Rewind.parse(rewind)), tmp_path, "iterative", LADDER, [3])
    expected = made(3)
    if rewind == "init":
        start = pruning.Snapshot.of(expected)
    else:
        steps = 4 if rewind == "step:4" else STEPS
        for step in range(steps):
            generator = torch.Generator().manual_seed(3000 + step)
            with torch.no_grad():
                for parameter in expected.parameters():
                    parameter += torch.randn(parameter.shape, generator=generator) * 0.1
        start = pruning.Snapshot.of(expected)
    model = made(3)
    fit.began[1].restore(model)
    start.rewind(model)
    assert same(pruning.Snapshot.of(model), fit.began[1])
    assert [first for _, first in fit.calls] == [0] + [0 if rewind == "init" else 4] * len(LADDER)
    masks = [torch.cat([v.flatten() for k, v in s.tensors.items() if k.endswith(".mask")]) for s in fit.began]
    assert [round(float(mask.float().mean()), 4) for mask in masks] == [1.0, *LADDER]
    assert not any((later & ~earlier).any() for earlier, later in pairwise(masks))


def test_iterative_pruning_removes_the_smallest_trained_weights(tmp_path):
    fit = Noise()
    search(setup(fit), tmp_path, "iterative", [0.5], [0])
    trained, model = pruning.Snapshot.read(tmp_path / "seed-0" / "dense.safetensors"), made(0)
    trained.restore(model)
    pruning.magnitude(model, 0.5)
    for name, linear in model.encoder():
        where = "blocks." + name.removeprefix("layers.")
        assert torch.equal(linear.mask, fit.began[1].tensors[f"{where}.mask"])


@pytest.mark.parametrize("stop_at", range(4))
def test_an_interrupted_ladder_goes_on_to_the_same_result(stop_at, tmp_path):
    rewind = pruning.Rewind(2)
    whole = search(setup(Noise(), rewind=rewind), tmp_path / "whole", "iterative", LADDER, [0, 1])
    with pytest.raises(KeyboardInterrupt):
        search(setup(Noise(stop_at), rewind=rewind), tmp_path / "parts", "iterative", LADDER, [0, 1])
    rest = Noise()
    parts = search(setup(rest, rewind=rewind), tmp_path / "parts", "iterative", LADDER, [0, 1])
    assert len(rest.calls) == 4 - stop_at
    assert outcome(parts) == outcome(whole)


def test_a_seed_that_lost_its_record_is_trained_again_alone_to_the_same_result(tmp_path):
    before = search(setup(Noise()), tmp_path, "iterative", LADDER, [0, 1])
    (tmp_path / "seed-1" / "iterative-0.500000.json").unlink()
    again = Noise()
    after = search(setup(again), tmp_path, "iterative", LADDER, [0, 1])
    assert again.calls == [([1], 0)]
    assert outcome(after) == outcome(before)


def test_methods_share_what_they_have_in_common(tmp_path):
    fit = Noise()
    search(setup(fit), tmp_path, "iterative", LADDER, [0])
    assert len(fit.calls) == 4
    search(setup(fit), tmp_path, "one_shot", LADDER, [0])
    search(setup(fit), tmp_path, "shuffle", LADDER, [0])
    assert len(fit.calls) == 4 + 3 + 3
    controls = {
        method: search(setup(fit), tmp_path, method, LADDER, [0])[-1]
        for method in ("reinit", "sign", "magnitude")
    }
    ticket = pruning.Snapshot.read(tmp_path / "seed-0" / "iterative-0.250000.safetensors")
    for record in controls.values():
        twin = pruning.Snapshot.read(tmp_path / "seed-0" / f"{record['round']}.safetensors")
        masks = [name for name in twin.tensors if name.endswith(".mask")]
        assert all(torch.equal(twin.tensors[name], ticket.tensors[name]) for name in masks)
        assert not same(twin, ticket)


def test_fine_tuning_goes_on_from_the_trained_weights_with_a_whole_schedule(tmp_path):
    fit = Noise()
    search(setup(fit, rewind=pruning.Rewind(4)), tmp_path, "pruned_finetuned", [0.5], [0])
    trained, model = pruning.Snapshot.read(tmp_path / "seed-0" / "dense.safetensors"), made(0)
    trained.restore(model)
    pruning.magnitude(model, 0.5)
    assert same(pruning.Snapshot.of(model), fit.began[1])
    assert [first for _, first in fit.calls] == [0, 0]


def test_a_transferred_ticket_is_the_other_searchs_mask_and_rewound_weights(tmp_path):
    source = elsewhere(tmp_path / "source", [1])
    fit = Noise()
    search(setup(fit, source=source), tmp_path / "own", "transfer", [0.5], [1])
    expected = made(1)
    pruning.Snapshot.read(source / "seed-1" / "iterative-0.500000.safetensors").restore(expected)
    pruning.Snapshot.read(source / "seed-1" / "rewind.safetensors").rewind(expected)
    assert same(pruning.Snapshot.of(expected), fit.began[0])
    with pytest.raises(ConfigError, match=r"seed-2.*does not exist"):
        search(setup(Noise(), source=source), tmp_path / "own", "transfer", [0.5], [2])
    with pytest.raises(ConfigError, match="name that search"):
        search(setup(Noise()), tmp_path / "none", "transfer", [0.5], [1])


def test_a_transfer_keeps_what_has_another_shape_but_not_in_the_encoder(tmp_path):
    source = elsewhere(tmp_path / "source", [1])

    def other(**changes: int) -> Callable[[int], InhibitorTransformer]:
        def make(seed: int) -> InhibitorTransformer:
            torch.manual_seed(seed + 50)
            return InhibitorTransformer(replace(CONFIG, **changes))

        return make

    fit = Noise()
    search(setup(fit, source=source, make=other(classes=3)), tmp_path / "own", "transfer", [0.5], [1])
    point = pruning.Snapshot.read(source / "seed-1" / "rewind.safetensors").tensors
    assert torch.equal(fit.began[0].tensors["classifier.latent"], other(classes=3)(1).classifier.latent)
    assert torch.equal(fit.began[0].tensors["token.latent"], point["token.latent"])
    with pytest.raises(ConfigError, match="encoder of other sizes"):
        search(setup(fit, source=source, make=other(hidden=24)), tmp_path / "b", "transfer", [0.5], [1])


def test_a_folder_keeps_to_one_search(tmp_path):
    search(setup(Noise()), tmp_path, "iterative", [0.5], [0])
    with pytest.raises(ConfigError, match="rule magnitude, not n_m"):
        search(setup(Noise(), rule="n_m"), tmp_path, "iterative", [0.5], [0])
    with pytest.raises(ConfigError, match="rewind init, not rate:2"):
        search(setup(Noise(), rewind=pruning.Rewind(2, False)), tmp_path, "iterative", [0.5], [0])
    with pytest.raises(ConfigError, match=r"pruned from dense, not from iterative-0.75"):
        search(setup(Noise()), tmp_path, "iterative", LADDER, [0])


def test_impossible_searches_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="different ones"):
        search(setup(Noise()), tmp_path / "b", "iterative", [0.5], [1, 1])
    with pytest.raises(ConfigError, match="search method"):
        search(setup(Noise()), tmp_path / "c", "luck", [0.5], [0])


def test_structured_rules_and_global_ones_go_through_a_ladder(tmp_path):
    for rule in ("n_m", "magnitude_global", "grid_magnitude"):
        records = search(setup(Noise(), rule=rule), tmp_path / rule, "iterative", LADDER, [0])
        assert [record["density"] for record in records] == [1.0, *LADDER]


def test_records_say_how_many_were_trained_together(tmp_path: Path):
    records = search(setup(Noise()), tmp_path, "dense", LADDER, [0, 1, 2])
    assert [record["together"] for record in records] == [3, 3, 3]


def test_a_rewind_beyond_the_training_is_refused_at_its_first_step(tmp_path):
    fit = Noise()
    with pytest.raises(ConfigError, match=r"pruning\.rewind is step:6; training has 6 steps"):
        search(setup(fit, rewind=pruning.Rewind(STEPS)), tmp_path, "iterative", LADDER, [0])


def test_a_damaged_record_is_named(tmp_path):
    search(setup(Noise()), tmp_path, "dense", LADDER, [0])
    (tmp_path / "seed-0" / "dense.json").write_text("x")
    with pytest.raises(HwsimError, match=r"dense\.json: not a whole record"):
        search(setup(Noise()), tmp_path, "dense", LADDER, [0])
