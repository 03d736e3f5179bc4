"""The float model with masks: the yardstick's arithmetic, the integer model's first numbers, stacked too."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import hwsim
from hwsim.errors import ConfigError
from hwsim.models import InhibitorTransformer, pruning
from hwsim.models.batches import Sequences
from hwsim.models.float_model import FloatTransformer
from hwsim.models.float_sparse import SparseFloat
from hwsim.models.search import Course, Setup, search, together
from hwsim.models.stacked import stack, train_stacked
from hwsim.models.train import TrainConfig, TrainingSet

ATTENTIONS = ["inhibitor", "dot"]


def made(seed: int, attention: str, **changes: object) -> SparseFloat:
    torch.manual_seed(seed)
    sizes = {"max_tokens": 8, "width": 16, "heads": 2, "layers": 2, "hidden": 24, "classes": 3}
    return SparseFloat(InhibitorTransformer(hwsim.ModelConfig(50, **(sizes | changes))), attention)


def inputs(runs: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    mask = torch.rand(runs, 5, 8, generator=generator) < 0.7
    mask[..., 0] = True
    return torch.randint(0, 50, (runs, 5, 8), generator=generator), mask


def toy() -> TrainingSet:
    rng = np.random.default_rng(0)
    rows = [rng.integers(8, 50, rng.integers(1, 9)).tolist() for _ in range(64)]
    return TrainingSet(Sequences.pack(rows, 8), rng.integers(0, 3, 64))


@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("changes", [{}, {"inner_norms": True, "centring": "none", "inhibition": "unsigned"}])
def test_it_computes_what_the_yardstick_computes(attention, changes):
    sparse = made(0, attention, **changes)
    plain = FloatTransformer(sparse.config, attention)
    given, mine = {}, sparse.state_dict()
    for name, tensor in plain.state_dict().items():
        where = name.replace("head.", "classifier.").replace(".weight", ".latent")
        if "norm" in name:
            given[name] = mine[name]
        elif "qkv" in name:
            given[name] = torch.cat([mine[where.replace("qkv", one)] for one in "qkv"])
        else:
            given[name] = mine[where].view(tensor.shape)
    plain.load_state_dict(given)
    token_ids, mask = (part[0] for part in inputs(1))
    torch.testing.assert_close(sparse(token_ids, mask), plain(token_ids, mask))
    pruning.magnitude(sparse, 0.5)
    assert not torch.allclose(sparse(token_ids, mask), plain(token_ids, mask))


def test_it_begins_with_the_numbers_of_the_integer_model():
    sparse = made(3, "dot")
    torch.manual_seed(3)
    whole = InhibitorTransformer(sparse.config)
    for (name, real), (other, linear) in zip(sparse.encoder(), whole.encoder(), strict=True):
        assert name == other
        assert torch.equal(real.latent, linear.latent)
    assert torch.equal(sparse.token.latent, whole.token.latent)
    pruning.magnitude(sparse, 0.25)
    pruning.magnitude(whole, 0.25)
    masks = [torch.cat([x.mask.flatten() for _, x in model.encoder()]) for model in (sparse, whole)]
    assert torch.equal(*masks)
    assert pruning.density(sparse) == 0.25


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_runs_of_a_stack_are_those_of_their_models_alone(attention):
    models = [made(seed, attention) for seed in range(3)]
    pruning.magnitude(models[1], 0.5)
    token_ids, mask = inputs(3)
    alone = torch.stack([m(i, k) for m, i, k in zip(models, token_ids, mask, strict=True)])
    torch.testing.assert_close(stack(models)(token_ids, mask), alone)
    with pytest.raises(ConfigError, match="one kind of layers"):
        stack([made(0, "dot"), made(0, "inhibitor")])


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_side_by_side_a_run_ends_with_the_numbers_of_that_run_alone(attention):
    def trained(seeds: list[int]) -> list[pruning.Snapshot]:
        models = [made(seed, attention) for seed in seeds]
        pruning.magnitude(models[0], 0.5)
        train_stacked(models, toy(), TrainConfig(epochs=2, batch=16), seeds, "cpu", size=1, check_every=1)
        assert pruning.density(models[0]) == 0.5
        return [pruning.Snapshot.of(model) for model in models]

    assert pruning.same(trained([3, 5])[0], trained([3])[0])


def test_a_search_finds_sparse_float_models_without_tickets(tmp_path):
    course = Course(
        toy(), TrainConfig(epochs=2, batch=16), lambda m: {"none": 0.0}, "cpu", lambda step, steps: None
    )
    setup = Setup(
        "toy",
        lambda seed: made(seed, "inhibitor"),
        lambda job: together(course, job),
        "t",
        kind="float_inhibitor",
    )
    records = search(setup, tmp_path, "iterative", [0.5, 0.25], [0, 1])
    assert [record["density_integer"] for record in records] == [1, 1, 0.5, 0.5, 0.25, 0.25]
    assert {record["ticket"] for record in records} == {None}
    encoder, rest = 2 * (4 * 16 * 16 + 2 * 16 * 24), (50 + 8 + 3) * 16
    assert records[-1]["density_all"] == pytest.approx((encoder / 4 + rest) / (encoder + rest))
    assert not list(tmp_path.rglob("*.ticket.safetensors"))
    with pytest.raises(ConfigError, match=r"edge_popup makes integer models; model\.kind is float_inhibitor"):
        search(setup, tmp_path, "edge_popup", [0.5], [0])
    with pytest.raises(ConfigError, match="neither grid nor scales"):
        pruning.magnitude(made(0, "dot"), 0.5, scope="global")
