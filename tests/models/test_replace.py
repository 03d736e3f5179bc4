"""Attention replaced in tiny encoders of every kind, and their distillation layer by layer."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
import transformers

from hwsim import ops
from hwsim.errors import ConfigError
from hwsim.models.batches import Sequences
from hwsim.models.distill import layerwise
from hwsim.models.distill.integer import IntegerAttention, IntegerDense, from_float, to_int8
from hwsim.models.distill.layerwise import attention_names, attention_output, distill_layers, hidden_states
from hwsim.models.distill.loop import Plan
from hwsim.models.distill.replace import (
    InhibitorAttention,
    attentions,
    kind_of,
    real_keys,
    replace,
)
from hwsim.models.distill.replace import layers as layers_of

WIDTH, HEADS = 32, 4
COMMON = {"vocab_size": 60, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
LIVELY = {"initializer_range": 0.2}
"""Wider than a real start: attention must matter in a model that was never trained."""


def encoder(kind: str, seed: int = 0) -> torch.nn.Module:
    torch.manual_seed(seed)
    sizes = {
        "hidden_size": WIDTH,
        "num_hidden_layers": 2,
        "num_attention_heads": HEADS,
        "intermediate_size": 48,
        "max_position_embeddings": 40,
    }
    if kind == "distilbert":
        config = transformers.DistilBertConfig(
            vocab_size=60,
            dim=WIDTH,
            n_layers=2,
            n_heads=HEADS,
            hidden_dim=48,
            max_position_embeddings=40,
            **LIVELY,
        )
        made = transformers.DistilBertModel(config)
    else:
        name = {"bert": "Bert", "mpnet": "MPNet"}[kind]
        config = getattr(transformers, f"{name}Config")(**COMMON, **LIVELY, **sizes)
        made = getattr(transformers, f"{name}Model")(config)
    return made.eval()


def batch(rows: int = 6, width: int = 9) -> tuple[torch.Tensor, torch.Tensor]:
    token_ids = torch.randint(3, 60, (rows, width), generator=torch.Generator().manual_seed(1))
    mask = torch.arange(width) < torch.tensor([width, 1, 4, 7, 2, 5][:rows])[:, None]
    # MPNet numbers positions by what is not padding, whose id is 1; BERT's and DistilBERT's is 0.
    return token_ids.where(mask, torch.tensor(1)), mask


ALL = [("bert", "float"), ("mpnet", "float"), ("distilbert", "float")]
ALL += [(kind, weights) for kind in ("bert", "distilbert") for weights in ("int8", "int4", "ternary")]
each = pytest.mark.parametrize(("kind", "weights"), ALL)


def run(model: torch.nn.Module, token_ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return model(input_ids=token_ids, attention_mask=mask.long()).last_hidden_state


@each
def test_a_replaced_encoder_keeps_its_shape_and_ignores_padding(kind, weights):
    model = encoder(kind)
    token_ids, mask = batch()
    before = run(model, token_ids, mask)
    replace(model, weights)
    with torch.no_grad():
        after = run(model, token_ids, mask)
        assert after.shape == before.shape
        assert after.isfinite().all()
        assert not torch.allclose(after, before, atol=1e-3)
        for row, length in enumerate(mask.sum(1).tolist()):
            alone = run(model, token_ids[row : row + 1, :length], mask[row : row + 1, :length])
            torch.testing.assert_close(alone[0], after[row, :length], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", ["bert", "mpnet", "distilbert"])
@pytest.mark.parametrize("centring", ["min", "mean"])
def test_every_weight_is_kept_under_its_name(kind, centring):
    model = encoder(kind)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    replace(model, "float", centring)
    after = model.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    new = {name.rsplit(".", 1)[-1] for name in set(after) - set(before)}
    assert new == {"gamma", "delta", "eta"}


@pytest.mark.parametrize("weights", ["int8", "int4", "ternary"])
def test_integer_layers_start_from_the_float_weights(weights):
    torch.manual_seed(0)
    linear = torch.nn.Linear(24, 16)
    made = from_float(linear, weights)
    assert torch.equal(made.latent, linear.weight)
    assert torch.equal(made.bias, linear.bias)
    x = torch.randn(200, 24)
    with torch.no_grad():
        dense = IntegerDense(linear, weights)
        found, wanted = dense(x), linear(x)
    correlation = np.corrcoef(found.flatten(), wanted.flatten())[0, 1]
    assert correlation > {"int8": 0.99, "int4": 0.97, "ternary": 0.85}[weights]
    exported = made.export()
    assert np.abs(exported.weight).max() <= made.limit
    if weights == "ternary":
        small = linear.weight.abs() <= 0.7 * linear.weight.abs().mean()
        assert np.array_equal(exported.weight == 0, small.numpy())


def test_no_sum_of_a_wide_layer_can_leave_the_exact_range():
    linear = torch.nn.Linear(1536, 2)
    with torch.no_grad():
        linear.weight.copy_(linear.weight.sign() * linear.weight.abs().max())
        linear.weight[:, 0] *= 100
    weight = from_float(linear, "int8").export().weight.astype(int)
    assert np.abs(weight).max() == 86
    assert 1536 * 86 * 127 < 1 << 24 <= 1536 * 87 * 127


def test_integer_attention_is_the_golden_operators():
    torch.manual_seed(0)
    old = encoder("bert").encoder.layer[0].attention.self
    attention = IntegerAttention(old, ("query", "key", "value"), None, HEADS, "int8", "min")
    with torch.no_grad():
        attention.delta.copy_(torch.tensor([0.0, 3, 5, 9]))
    x, (_, mask) = torch.randn(6, 9, WIDTH), batch()
    with torch.no_grad():
        found, _ = attention(x, mask[:, None, None, :])
    whole = to_int8(x).numpy().astype(np.int8)
    parts = []
    for name in ("query", "key", "value"):
        linear = attention.get_submodule(name).export()
        acc = ops.linear(whole, linear.weight, linear.bias)
        part = ops.requantize(acc, linear.shift)
        parts.append(np.moveaxis(part.reshape(6, 9, HEADS, -1), 2, 1))
    q, k, v = parts
    score = ops.manhattan_score(q, k, mask.numpy(), int(attention.score_shift()), np.array([0, 3, 5, 9]))
    out = ops.inhibit(v, score, int(attention.inhibit_shift()))
    expected = np.moveaxis(out, 1, 2).reshape(6, 9, WIDTH)
    assert np.array_equal(found.numpy() * 32, expected)
    assert np.abs(expected).max() > 3


def test_the_float_inhibitor_is_its_formula():
    torch.manual_seed(0)
    old = encoder("bert").encoder.layer[0].attention.self
    attention = InhibitorAttention(old, ("query", "key", "value"), None, HEADS, "mean")
    with torch.no_grad():
        attention.delta.fill_(0.1)
    x, (_, mask) = torch.randn(6, 9, WIDTH), batch()
    additive = torch.zeros(6, 1, 1, 9).masked_fill(~mask[:, None, None, :], torch.finfo(torch.float32).min)
    bias = torch.randn(6, HEADS, 9, 9)
    with torch.no_grad():
        found, _ = attention(x, additive, bias)
        projections = [p(x).view(6, 9, HEADS, -1) for p in (old.query, old.key, old.value)]
    q, k, v = (p.transpose(1, 2).numpy().astype(float) for p in projections)
    gamma, eta = (2.0 ** side.detach().numpy().reshape(HEADS) for side in (attention.gamma, attention.eta))
    for b, length in enumerate(mask.sum(1).tolist()):
        for h in range(HEADS):
            for i in range(length):
                z = gamma[h] * np.abs(q[b, h, i] - k[b, h, :length]).sum(-1) - bias[b, h, i, :length].numpy()
                z = np.maximum(z - z.mean() - 0.1, 0)[:, None]
                kept = np.sign(v[b, h, :length]) * np.maximum(np.abs(v[b, h, :length]) - z, 0)
                expected = eta[h] * kept.sum(0)
                part = found[b, i].view(HEADS, -1)[h].numpy()
                np.testing.assert_allclose(part, expected, atol=1e-4)


def test_masks_of_every_form_name_the_same_keys():
    _, mask = batch()
    hidden = torch.zeros(6, 9, WIDTH)
    additive = torch.zeros(6, 1, 1, 9).masked_fill(~mask[:, None, None, :], torch.finfo(torch.float32).min)
    assert torch.equal(real_keys(additive, hidden), mask[:, None, None, :])
    assert torch.equal(real_keys(mask[:, None, None, :], hidden), mask[:, None, None, :])
    assert real_keys(None, hidden).all()


@each
def test_gradients_reach_every_weight_of_the_layers(kind, weights):
    model = encoder(kind)
    replace(model, weights)
    token_ids, mask = batch()
    run(model, token_ids, mask).square().mean().backward()
    silent = [
        name
        for name, p in model.get_submodule(kind_of(model).layers).named_parameters()
        if p.grad is None or not p.grad.isfinite().all() or not p.grad.abs().sum()
    ]
    # A key's bias moves all distances of a head alike only in dot products; here everything matters.
    assert [name for name in silent if not name.endswith(("score_shift.value", "delta"))] == []


@pytest.mark.parametrize(
    ("kind", "weights", "centring", "complaint"),
    [
        ("bert", "binary", "min", "ternary"),
        ("bert", "float", "none", "centrings"),
        ("mpnet", "ternary", "min", "position bias"),
    ],
)
def test_what_cannot_be_replaced_is_refused(kind, weights, centring, complaint):
    with pytest.raises(ConfigError, match=complaint):
        replace(encoder(kind), weights, centring)


def test_other_encoders_and_sizes_are_refused():
    with pytest.raises(ConfigError, match="bert, mpnet, distilbert"):
        replace(torch.nn.Linear(2, 2))
    odd = transformers.BertModel(
        transformers.BertConfig(hidden_size=12, num_attention_heads=1, num_hidden_layers=1, vocab_size=9)
    )
    with pytest.raises(ConfigError, match="heads of width 12"):
        replace(odd, "ternary")


def sentences(count: int = 96) -> Sequences:
    rng = np.random.default_rng(0)
    return Sequences.pack([rng.integers(3, 60, rng.integers(2, 9)).tolist() for _ in range(count)], 9)


def error(student: torch.nn.Module, teacher: torch.nn.Module, layer: int | None) -> float:
    token_ids, mask = (torch.from_numpy(part) for part in sentences().padded(np.arange(64), 9))
    with torch.no_grad():
        if layer is not None:
            found, wanted = (attention_output(m, layer, token_ids, mask) for m in (student, teacher))
            return float(layerwise.squared_error(found, wanted, mask))
        found, wanted = (hidden_states(m, token_ids, mask) for m in (student, teacher))
        return float(layerwise.hidden_loss(found, wanted, mask))


@pytest.mark.parametrize(
    ("kind", "weights"), [("bert", "float"), ("mpnet", "float"), ("distilbert", "float"), ("bert", "int8")]
)
def test_layerwise_distillation_brings_an_encoder_nearer_to_its_teacher(kind, weights):
    teacher = encoder(kind)
    student = copy.deepcopy(teacher)
    replace(student, weights)
    before = error(student, teacher, None)
    stages: list[str] = []
    plan = Plan(epochs=12, batch=32, rate=3e-3)
    distill_layers(student, teacher, sentences(), plan, "cpu", lambda name, *rest: stages.append(name))
    assert list(dict.fromkeys(stages)) == ["attention 0", "attention 1", "hidden states"]
    assert error(student, teacher, None) < 0.7 * before
    assert all(p.requires_grad for p in student.parameters())


def test_a_stage_trains_projections_and_scalars_of_its_layer_only():
    teacher = encoder("distilbert")
    student = copy.deepcopy(teacher)
    replace(student)
    start = {name: p.detach().clone() for name, p in student.named_parameters()}
    before = error(student, teacher, 1)
    names = attention_names(student, 1)
    layerwise.train_only(student, names)
    loop = layerwise.Loop(student, sentences(), Plan(epochs=8, batch=32, rate=3e-3), "cpu")

    def loss(index, token_ids, mask):
        with torch.no_grad():
            wanted = attention_output(teacher, 1, token_ids, mask)
        return layerwise.squared_error(attention_output(student, 1, token_ids, mask), wanted, mask)

    loop.run(loss)
    moved = {name for name, p in student.named_parameters() if not torch.equal(p, start[name])}
    prefix = "transformer.layer.1.attention."
    projections = {f"{prefix}{n}.{part}" for n in ("q_lin", "k_lin", "v_lin") for part in ("weight", "bias")}
    assert moved == projections | {prefix + n for n in ("gamma", "delta", "eta")}
    assert error(student, teacher, 1) < before


def test_a_stopped_layerwise_distillation_goes_on_to_the_same_result(tmp_path):
    teacher = encoder("bert")
    plan = Plan(epochs=4, batch=32, rate=3e-3)

    class StopError(Exception):
        pass

    def fresh() -> torch.nn.Module:
        student = copy.deepcopy(teacher)
        replace(student)
        return student

    def stop(name, step, steps, loss):
        if name == "attention 1":
            raise StopError

    whole = fresh()
    distill_layers(whole, teacher, sentences(), plan, "cpu")
    with pytest.raises(StopError):
        distill_layers(
            fresh(), teacher, sentences(), plan, "cpu", stop, save=tmp_path, save_every=5, stamp="a"
        )
    assert {path.name for path in tmp_path.iterdir()} == {
        "stage-0.safetensors",
        "stage-1.unfinished.safetensors",
    }
    resumed = fresh()
    distill_layers(resumed, teacher, sentences(), plan, "cpu", save=tmp_path, save_every=5, stamp="a")
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name
    with pytest.raises(ConfigError, match="belongs to a"):
        distill_layers(fresh(), teacher, sentences(), plan, "cpu", save=tmp_path, stamp="b")


def test_layers_and_attentions_are_found_in_order():
    model = encoder("mpnet")
    assert len(layers_of(model)) == len(attentions(model)) == 2
    replace(model)
    assert all(isinstance(module, InhibitorAttention) for module in attentions(model))
