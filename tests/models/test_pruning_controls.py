"""What a ticket is compared with: other masks, signs, magnitudes and weights, and a small dense model."""

from __future__ import annotations

import pytest
import torch
from prunable import latents, made, masks

import hwsim
from hwsim.errors import ConfigError
from hwsim.models import InhibitorTransformer, pruning
from hwsim.models.pruning.controls import to_grid
from hwsim.models.pruning.small_dense import encoder_weights, narrowed, shrink
from hwsim.models.pruning.weights import layers


def test_shuffling_keeps_each_layers_count_and_depends_on_the_seed():
    found = []
    for seed in (0, 0, 1):
        model = made()
        pruning.magnitude(model, 0.3, scope="global")
        before, counts = masks(model), pruning.densities(model)
        pruning.shuffle(model, seed=seed)
        assert pruning.densities(model) == counts
        assert not torch.equal(masks(model), before)
        found.append(masks(model))
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_random_masks_of_two_layers_of_one_shape_differ():
    model = made()
    pruning.random_layerwise(model, 0.5)
    assert not torch.equal(model.encoder_blocks()[0].q.mask, model.encoder_blocks()[0].k.mask)


def test_controls_change_signs_or_magnitudes_and_no_mask():
    def changed(change) -> tuple[torch.Tensor, torch.Tensor]:
        model = made()
        pruning.magnitude(model, 0.3)
        before, mask = latents(model), masks(model)
        others = {k: v.clone() for k, v in model.state_dict().items() if not k.endswith(".latent")}
        change(model, seed=5)
        assert torch.equal(masks(model), mask)
        assert all(torch.equal(v, model.state_dict()[k]) for k, v in others.items())
        return before, latents(model)

    before, after = changed(pruning.reset_magnitudes)
    assert torch.equal(before >= 0, after >= 0)
    assert len(after.abs().unique()) == 2  # two widths of input, two constants
    before, after = changed(pruning.reset_signs)
    assert torch.equal(before.abs(), after.abs())
    assert 0.4 < float((before.sign() == after.sign()).float().mean()) < 0.6
    before, after = changed(pruning.reinitialise)
    assert abs(float(torch.corrcoef(torch.stack([before, after]))[0, 1])) < 0.06
    assert float(after.std()) == pytest.approx(float(before.std()), rel=0.1)


def test_new_weights_do_not_repeat_the_draws_of_the_model_of_the_same_seed():
    model = made(seed=5)
    drawn = {round(float(v), 6) for v in model.token.latent.detach().flatten()}
    pruning.reinitialise(model, seed=5)
    new = layers(model)[0][1].latent.detach() * 16**0.5
    assert len(drawn & {round(float(v), 6) for v in new.flatten()}) < 5


@pytest.mark.parametrize("weights", ["ternary", "int4"])
def test_weights_set_to_their_grid_keep_their_integers_and_nothing_else(weights):
    model = made(weights=weights)
    pruning.magnitude(model, 0.5)
    before = [linear.integers(linear.shift())[0] for _, linear in layers(model)]
    to_grid(model)
    for (_, linear), whole in zip(layers(model), before, strict=True):
        assert torch.equal(linear.integers(linear.shift())[0], whole)
        assert torch.equal(linear.latent * torch.exp2(linear.shift() + linear.up) * linear.mask, whole)


@pytest.mark.parametrize("density", [0.8**k for k in (3, 7, 10, 13, 18)])
def test_a_small_model_has_as_many_weights_as_the_ticket_keeps_or_just_more(density):
    config = hwsim.ModelConfig(50, max_tokens=8, width=128, heads=4, layers=3, hidden=512, classes=2)
    small = narrowed(config, density)
    wanted = round(density * encoder_weights(config))
    assert wanted <= encoder_weights(small) < wanted + 16 * 3 * small.width
    assert encoder_weights(small) < 1.05 * wanted
    assert sum(linear.latent.numel() for _, linear in layers(InhibitorTransformer(small))) == (
        encoder_weights(small)
    )


def test_a_small_model_begins_with_the_words_of_the_large_one():
    config = hwsim.ModelConfig(50, max_tokens=8, width=32, heads=4, layers=2, hidden=64, classes=2)
    torch.manual_seed(3)
    model = InhibitorTransformer(config)
    small = shrink(model, 0.2, seed=3)
    assert small.config.width == 16
    assert torch.equal(small.token.latent, model.token.latent[:, :16])
    assert torch.equal(small.blocks[0].q.latent, shrink(model, 0.2, seed=3).blocks[0].q.latent)
    with pytest.raises(ConfigError, match="no model of 4 heads, 2 layers"):
        narrowed(config, 0.01)
