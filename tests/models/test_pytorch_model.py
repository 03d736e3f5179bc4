"""The trainable model computes the emulator's integers, before, during and after training."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import hwsim
from hwsim.compare import first_difference
from hwsim.models import InhibitorTransformer, emulate
from hwsim.models.batches import Sequences
from hwsim.models.float_model import FloatTransformer, Inhibitor
from hwsim.models.operators import to_array
from hwsim.models.pruning import cubic_density, prune_by_magnitude
from hwsim.models.pruning.gradual import GradualSchedule
from hwsim.models.train import TrainConfig, TrainingSet, accuracy, train


def small(**changes: object) -> hwsim.ModelConfig:
    values = {
        "vocabulary": 50,
        "max_tokens": 16,
        "width": 32,
        "heads": 4,
        "layers": 2,
        "hidden": 64,
        "classes": 2,
    }
    return hwsim.ModelConfig(**(values | changes))


@pytest.mark.parametrize("weights", ["ternary", "int4", "int8"])
@pytest.mark.parametrize("centring", ["min", "mean", "none"])
@pytest.mark.parametrize("inhibition", ["signed", "unsigned"])
@pytest.mark.parametrize("inner_norms", [False, True])
def test_every_named_tensor_equals_the_emulator(weights, centring, inhibition, inner_norms):
    config = small(
        weights=weights, centring=centring, inhibition=inhibition, inner_norms=inner_norms, embed_shift=3
    )
    ticket = hwsim.random_ticket(config, seed=5)
    token_ids, mask = hwsim.random_tokens(config, 6)
    expected = hwsim.forward(ticket, token_ids, mask, trace=True).trace
    assert first_difference("pytorch", expected, emulate(ticket, token_ids, mask), mask) is None


def test_a_ticket_survives_the_round_trip_through_the_trainable_model():
    ticket = hwsim.random_ticket(small(weights="int8"), seed=1)
    assert InhibitorTransformer.from_ticket(ticket).to_ticket().digest() == ticket.digest()


def toy(count: int = 1024, seed: int = 0) -> tuple[Sequences, np.ndarray]:
    """Sequences whose label says whether id 7 occurs."""
    rng = np.random.default_rng(seed)
    rows = [rng.integers(8, 50, rng.integers(1, 17)) for _ in range(count)]
    labels = rng.integers(0, 2, count)
    for row, label in zip(rows, labels, strict=True):
        if label:
            row[rng.integers(0, len(row))] = 7
    return Sequences.pack([row.tolist() for row in rows], 16), labels


@pytest.fixture(scope="module")
def trained() -> InhibitorTransformer:
    torch.manual_seed(0)
    model = InhibitorTransformer(small(embed_shift=3))
    config = TrainConfig(epochs=6, batch=32, gradual=GradualSchedule(0.3, every=2), rate=5e-3)
    train(model, TrainingSet(*toy()), config, "cpu")
    return model


def test_training_learns_and_its_last_forward_pass_is_the_tickets(trained):
    data, labels = toy(seed=1)
    assert accuracy(trained, data, labels, "cpu") > 0.9
    token_ids, mask = data.padded(np.arange(64), 16)
    trace: dict[str, torch.Tensor] = {}
    with torch.no_grad():
        trained(torch.from_numpy(token_ids), torch.from_numpy(mask), trace)
    found = {name: to_array(tensor) for name, tensor in trace.items()}
    expected = hwsim.forward(trained.to_ticket(), token_ids, mask, trace=True).trace
    assert first_difference("training", expected, found, mask) is None


def test_pruning_reaches_the_density_in_every_layer(trained):
    ticket = trained.to_ticket()
    assert ticket.density == pytest.approx(0.3, abs=0.002)
    for name, linear in ticket.encoder():
        assert np.count_nonzero(linear.weight) / linear.weight.size == pytest.approx(0.3, abs=0.002), name


def test_pruning_keeps_the_largest_magnitudes():
    model = InhibitorTransformer(small())
    prune_by_magnitude(model, 0.25)
    for _, linear in model.encoder():
        magnitude = linear.latent.detach().abs()
        assert magnitude[linear.mask].min() >= magnitude[~linear.mask].max()


@pytest.mark.parametrize("density", [0.0, -0.1, 1.1])
def test_a_density_outside_0_to_1_is_refused(density):
    with pytest.raises(hwsim.HwsimError, match="density"):
        prune_by_magnitude(InhibitorTransformer(small()), density)


def test_the_cubic_schedule_runs_from_start_to_final():
    assert cubic_density(0, 1.0, 0.2) == 1.0
    assert cubic_density(1, 1.0, 0.2) == pytest.approx(0.2)
    assert cubic_density(0.5, 1.0, 0.2) == pytest.approx(0.2 + 0.8 / 8)


def test_the_same_seed_trains_the_same_ticket():
    digests = set()
    for _ in range(2):
        torch.manual_seed(3)
        model = InhibitorTransformer(small())
        config = TrainConfig(epochs=1, batch=16, gradual=GradualSchedule(0.5))
        train(model, TrainingSet(*toy(64)), config, "cpu")
        digests.add(model.to_ticket().digest())
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("attention", "changes"),
    [
        ("dot", {}),
        ("dot", {"inner_norms": True}),
        ("inhibitor", {}),
        ("inhibitor", {"centring": "mean", "inner_norms": True}),
        ("inhibitor", {"centring": "none", "inhibition": "unsigned"}),
    ],
)
def test_the_float_yardstick_learns_and_ignores_padding(attention, changes):
    torch.manual_seed(0)
    model = FloatTransformer(small(**changes), attention)
    train(model, TrainingSet(*toy()), TrainConfig(epochs=8, batch=32), "cpu")
    data, labels = toy(seed=1)
    assert accuracy(model, data, labels, "cpu") > 0.9
    token_ids, mask = (torch.from_numpy(part) for part in data.padded(np.arange(8), 16))
    with torch.no_grad():
        other = torch.where(mask, token_ids, 9)
        assert torch.allclose(model(token_ids, mask), model(other, mask), atol=1e-4)


@pytest.mark.parametrize("centring", ["min", "mean", "none"])
@pytest.mark.parametrize("inhibition", ["signed", "unsigned"])
def test_the_float_inhibitor_is_that_of_its_configuration(centring, inhibition):
    generator = torch.Generator().manual_seed(0)
    config = small(centring=centring, inhibition=inhibition)
    q, k, v = torch.randn(3, 1, config.heads, 5, config.head_width, generator=generator)
    mask = torch.tensor([[True, True, True, True, False]])
    attention = Inhibitor(config.heads, config.head_width, centring, inhibition == "signed")
    with torch.no_grad():
        h = attention(q, k, v, mask)
        z = (q[..., :, None, :] - k[..., None, :4, :]).abs().sum(-1) * torch.exp2(attention.gamma)
        centre = {"min": z.amin(-1, True), "mean": z.mean(-1, True), "none": 0}[centring]
        z = torch.relu(z - centre - attention.delta)
        value = v[..., None, :4, :]
        if inhibition == "signed":
            left = torch.relu(value.abs() - z[..., None]) * value.sign()
        else:
            left = torch.relu(value - z[..., None])
        assert torch.allclose(h, left.sum(-2) * torch.exp2(attention.eta), atol=1e-5)


def test_gradients_reach_every_parameter():
    torch.manual_seed(0)
    model = InhibitorTransformer(small(embed_shift=3))
    data, labels = toy(64)
    token_ids, mask = (torch.from_numpy(part) for part in data.padded(np.arange(64), 16))
    logits = model.classifier.real(model(token_ids, mask))
    torch.nn.functional.cross_entropy(logits, torch.from_numpy(labels)).backward()
    silent = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert silent == []
