"""Pruning rules, rewinding, controls and strong tickets: what each promises, exactly."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import hwsim
from hwsim.errors import ConfigError, UnsupportedError
from hwsim.models import InhibitorTransformer, pruning
from hwsim.models.pruning.controls import to_grid
from hwsim.models.pruning.gradual import GradualSchedule
from hwsim.models.pruning.plan import falling
from hwsim.models.pruning.rewind import same
from hwsim.models.pruning.small_dense import encoder_weights, narrowed, shrink
from hwsim.models.pruning.strong import freeze_tables
from hwsim.models.pruning.weights import largest, layers, magnitudes


def made(seed: int = 0, weights: str = "ternary") -> InhibitorTransformer:
    torch.manual_seed(seed)
    config = hwsim.ModelConfig(
        50, max_tokens=8, width=16, heads=2, layers=2, hidden=24, classes=2, weights=weights, embed_shift=3
    )
    return InhibitorTransformer(config)


def masks(model: InhibitorTransformer) -> torch.Tensor:
    return torch.cat([linear.mask.flatten() for _, linear in layers(model)])


def latents(model: InhibitorTransformer) -> torch.Tensor:
    return torch.cat([linear.latent.detach().flatten() for _, linear in layers(model)])


@pytest.mark.parametrize("rule", sorted(pruning.RULES))
@pytest.mark.parametrize("weights", ["ternary", "int4"])
def test_every_rule_keeps_exactly_what_is_asked_and_repeats_itself(rule, weights):
    for density in (0.75, 0.25):
        models = [made(weights=weights) for _ in range(2)]
        for model in models:
            pruning.rule_named(rule)(model, density, seed=3)
        assert torch.equal(masks(models[0]), masks(models[1]))
        assert int(masks(models[0]).sum()) == round(density * masks(models[0]).numel())
        assert pruning.density(models[0]) == density
        if "global" not in rule:
            assert set(pruning.densities(models[0]).values()) == {density}


@given(st.floats(0.001, 1.0))
def test_layerwise_counts_are_exact_at_any_density(density):
    model = made()
    pruning.magnitude(model, density)
    for _, linear in layers(model):
        assert int(linear.mask.sum()) == max(1, round(density * linear.mask.numel()))


@pytest.mark.parametrize("density", [0.0, -0.1, 1.1])
def test_a_density_outside_0_to_1_is_refused(density):
    with pytest.raises(ConfigError, match=r"lies in \(0, 1\]"):
        pruning.magnitude(made(), density)


def test_magnitude_keeps_the_largest_of_each_layer():
    model = made()
    pruning.magnitude(model, 0.3)
    for _, linear in layers(model):
        size = linear.latent.abs()
        assert size[linear.mask].min() >= size[~linear.mask].max()


@given(st.lists(st.sampled_from([-1.0, 0.0, 0.5, 2.0, torch.inf, torch.nan]), min_size=1), st.data())
def test_the_largest_are_those_that_a_stable_sort_of_the_lot_puts_first(values, data):
    score, kept = torch.tensor(values), data.draw(st.integers(1, len(values)))
    order = torch.tensor(data.draw(st.permutations(range(len(values)))))
    for lot in (None, order):
        drawn = torch.arange(len(values)) if lot is None else lot
        expected = torch.zeros(len(values), dtype=torch.bool)
        expected[drawn[score[drawn].argsort(descending=True, stable=True)][:kept]] = True
        assert torch.equal(largest(score, kept, lot), expected)


def test_global_magnitude_ranks_layers_in_units_of_their_scales():
    model = made()
    pruning.magnitude(model, 0.3, scope="global")
    sizes = [
        (linear.latent.abs() * torch.exp2(linear.shift.value + linear.up), linear.mask)
        for _, linear in layers(model)
    ]
    kept, gone = (torch.cat([size[m if keep else ~m] for size, m in sizes]) for keep in (True, False))
    assert kept.min() >= gone.max()
    assert len(set(pruning.densities(model).values())) > 1

    # The same function written with weights four times as large and a scale four times as coarse.
    other = made()
    linear = layers(other)[1][1]
    with torch.no_grad():
        linear.latent.mul_(4)
        linear.shift.value.sub_(2)
    pruning.magnitude(other, 0.3, scope="global")
    assert torch.equal(masks(model), masks(other))


def test_only_regrowth_brings_a_weight_back():
    model = made()
    pruning.magnitude(model, 0.5)
    before = masks(model)
    with torch.no_grad():
        for _, linear in layers(model):
            linear.latent[~linear.mask] += 100
    pruning.magnitude(model, 0.25)
    assert not (masks(model) & ~before).any()
    with pytest.raises(ConfigError, match="prune to less"):
        pruning.magnitude(model, 0.5)
    pruning.prune_by_magnitude(model, 0.5)
    assert torch.equal(masks(model), ~before)


def test_grid_magnitude_ranks_integers_and_draws_lots_between_equals():
    model = made(weights="int4")
    before = [magnitudes(linear, "grid") for _, linear in layers(model)]
    pruning.magnitude(model, 0.3, on="grid")
    for size, (_, linear) in zip(before, layers(model), strict=True):
        assert size[linear.mask].min() >= size[~linear.mask].max()
        assert set(size.unique().tolist()) <= set(range(8))


def test_the_ternary_grid_has_one_magnitude_so_that_the_lot_decides_alone():
    found = {}
    for seed in (0, 1):
        for model in (made(0), made(9)):
            pruning.magnitude(model, 0.5, on="grid", seed=seed)
            found.setdefault(seed, []).append(masks(model))
    assert torch.equal(*found[0])
    assert torch.equal(*found[1])
    agree = (found[0][0] == found[1][0]).float().mean()
    assert abs(float(agree) - 0.5) < 0.05
    with pytest.raises(ConfigError, match="latent"):
        pruning.magnitude(made(), 0.5, on="grid", regrow=True)


@pytest.mark.parametrize(("group", "kept"), [(4, 2), (4, 1), (8, 3)])
def test_n_m_keeps_the_n_largest_of_every_m(group, kept):
    model = made()
    pruning.n_m(model, kept / group, group=group)
    for _, linear in layers(model):
        groups = linear.mask.view(-1, group)
        assert (groups.sum(1) == kept).all()
        size = linear.latent.detach().abs().view(-1, group)
        assert (size.masked_fill(~groups, 9).amin(1) >= size.masked_fill(groups, 0).amax(1)).all()
    before = masks(model)
    pruning.n_m(model, 1 / group, group=group)
    assert not (masks(model) & ~before).any()


def test_n_m_refuses_what_is_no_pattern():
    with pytest.raises(ConfigError, match=r"not N:4; choose one of 0.25, 0.5, 0.75, 1"):
        pruning.n_m(made(), 0.3)
    with pytest.raises(ConfigError, match=r"layers.0.q has 16 inputs, which groups of 5"):
        pruning.n_m(made(), 0.2, group=5)
    model = made()
    pruning.n_m(model, 0.25)
    with pytest.raises(ConfigError, match="prune to less"):
        pruning.n_m(model, 0.5)


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


def test_rewinding_restores_every_value_bit_for_bit_and_leaves_the_masks(tmp_path):
    model = made()
    early = pruning.Snapshot.of(model)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter))
    pruning.magnitude(model, 0.3)
    late = pruning.Snapshot.of(model)
    early.save(tmp_path / "early.safetensors")
    pruning.Snapshot.read(tmp_path / "early.safetensors").rewind(model)
    for name, tensor in model.state_dict().items():
        source = late if name.endswith(".mask") else early
        assert torch.equal(tensor, source.tensors[name]), name
    late.restore(model)
    assert same(pruning.Snapshot.of(model), late)
    assert not same(early, late)


def test_a_damaged_snapshot_is_one_clear_error(tmp_path):
    (tmp_path / "x.safetensors").write_bytes(b"nothing")
    with pytest.raises(ConfigError, match="is not a snapshot"):
        pruning.Snapshot.read(tmp_path / "x.safetensors")


@pytest.mark.parametrize("text", ["init", "step:7", "rate:0", "rate:12"])
def test_rewind_points_are_read_as_they_are_written(text):
    assert str(pruning.Rewind.parse(text)) == text


@pytest.mark.parametrize("text", ["", "step", "step:-1", "rate:x", "init:3"])
def test_other_rewind_points_are_refused(text):
    with pytest.raises(ConfigError, match="choose init, step:K or rate:K"):
        pruning.Rewind.parse(text)
    with pytest.raises(ConfigError, match="0 or more"):
        pruning.Rewind(-1)


def test_the_ladder_takes_a_fifth_a_round_down_to_the_last_density():
    rungs = pruning.ladder(0.02)
    assert rungs[:3] == pytest.approx([0.8, 0.64, 0.512])
    assert rungs[-1] <= 0.02 < rungs[-2]
    assert falling(rungs) == rungs
    for wrong in ([], [0.5, 0.5], [1.0]):
        with pytest.raises(ConfigError, match="falling"):
            falling(wrong)
    with pytest.raises(ConfigError, match="ladder"):
        pruning.ladder(1.0)


@given(st.integers(1, 400), st.integers(1, 60), st.floats(0.0, 0.5), st.floats(0.55, 0.95))
def test_a_gradual_schedule_falls_and_ends_at_its_density(steps, every, begin, until):
    schedule = GradualSchedule(0.2, begin, until, every)
    reached = [d for d in (schedule.at(step, steps) for step in range(steps)) if d is not None]
    assert reached[-1] == 0.2
    assert reached == sorted(reached, reverse=True)


def test_a_schedule_by_lot_never_looks_at_weights_and_gives_nothing_back():
    ends = []
    for sign in (1, -1):
        model = made()
        with torch.no_grad():
            for _, linear in layers(model):
                linear.latent.copy_(linear.latent.abs() ** sign)
        seen = []
        for step in range(20):
            GradualSchedule(0.2, 0.0, 0.8, every=2, lot=3)(model, step, 20)
            seen.append(masks(model))
        assert all(not (late & ~early).any() for early, late in pairwise(seen))
        assert all(d == pytest.approx(0.2, abs=1e-3) for d in pruning.densities(model).values())
        ends.append(seen[-1])
    assert torch.equal(*ends)


def test_a_schedule_to_density_1_prunes_nothing():
    model = made()
    pruning.magnitude(model, 0.5)
    before = pruning.density(model)
    for step in range(10):
        GradualSchedule(1.0, every=1)(model, step, 10)
    assert pruning.density(model) == before == 0.5


def test_unknown_names_are_answered_with_the_known_ones():
    with pytest.raises(ConfigError, match="magnitude_global"):
        pruning.rule_named("size")
    with pytest.raises(ConfigError, match="edge_popup"):
        pruning.method_named("luck")
    with pytest.raises(ConfigError, match="signed_supermask"):
        pruning.strengthen(made(), "luck", 0.5)


def train_a_little(model: InhibitorTransformer, steps: int = 40) -> tuple[float, float]:
    """Adam on one batch of a task of presence; (first, last) loss."""
    rng = np.random.default_rng(0)
    token_ids = torch.from_numpy(rng.integers(8, 50, (64, 8)))
    labels = torch.from_numpy(rng.integers(0, 2, 64))
    token_ids[labels == 1, 3] = 7
    mask = torch.ones(64, 8, dtype=torch.bool)
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], 5e-3)
    losses = []
    for _ in range(steps):
        logits = model.classifier.real(model(token_ids, mask))
        loss = torch.nn.functional.cross_entropy(logits, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses[0], losses[-1]


@pytest.mark.parametrize("kind", ["edge_popup", "signed_supermask"])
@pytest.mark.parametrize("weights", ["ternary", "int8"])
def test_strong_tickets_learn_over_untouched_weights_and_are_exact(kind, weights):
    model = pruning.strong_ticket(made(weights=weights).config, kind, 0.3, seed=4)
    freeze_tables(model)
    untouched = {k: v.clone() for k, v in model.state_dict().items() if k.endswith(("frozen", ".bias"))}
    table = model.token.latent.detach().clone()
    first_ticket = model.to_ticket()
    first, last = train_a_little(model)
    assert last < 0.8 * first
    assert torch.equal(model.token.latent, table)
    state = model.state_dict()
    assert all(torch.equal(v, state[k]) for k, v in untouched.items() if "classifier" not in k)

    ticket = model.to_ticket()
    assert ticket.digest() != first_ticket.digest()
    for (name, linear), (_, layer) in zip(ticket.encoder(), layers(model), strict=True):
        assert np.count_nonzero(linear.weight) == round(0.3 * linear.weight.size), name
        frozen = layer.frozen.numpy()
        chosen = linear.weight != 0
        size = np.abs(linear.weight[chosen])
        assert (size == np.abs(frozen[chosen])).all()
        assert (size & (size - 1) == 0).all()  # one digit each
        if kind == "edge_popup":
            assert (linear.weight[chosen] == frozen[chosen]).all()
        assert not linear.bias.any()

    token_ids, mask = hwsim.random_tokens(ticket.config, 5)
    with torch.no_grad():
        logits = model(torch.from_numpy(token_ids), torch.from_numpy(mask))
    assert np.array_equal(logits.numpy(), hwsim.forward(ticket, token_ids, mask).logits)


def test_strong_weights_depend_on_the_seed_and_take_no_others():
    config = made().config
    a, b, c = (pruning.strong_ticket(config, "edge_popup", 0.5, seed) for seed in (1, 1, 2))
    assert a.to_ticket().digest() == b.to_ticket().digest()
    assert not torch.equal(layers(a)[0][1].frozen, layers(c)[0][1].frozen)
    with pytest.raises(UnsupportedError, match="frozen"):
        layers(a)[0][1].load(c.to_ticket().layers[0].linears["q"])


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
