"""Pruning rules, ladders and schedules: what each promises, exactly."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from prunable import made, masks

from hwsim.errors import ConfigError
from hwsim.models import pruning
from hwsim.models.pruning.gradual import GradualSchedule
from hwsim.models.pruning.plan import falling
from hwsim.models.pruning.weights import largest, layers, magnitudes


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
