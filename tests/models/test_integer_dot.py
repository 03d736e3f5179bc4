"""The trainable dot-product twin computes `hwsim.baseline`'s integers, and learns."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from small_run import SMALL, loaded

from hwsim import ModelConfig, Ticket, baseline, random_ticket, random_tokens, sizes
from hwsim.compare import first_difference
from hwsim.errors import ConfigError
from hwsim.model import Trace
from hwsim.models import exact, ops
from hwsim.models.distill import config as distill
from hwsim.models.integer_dot import DotTransformer, dot_head, pool, softmax
from hwsim.models.named import under
from hwsim.models.operators import to_array
from hwsim.models.runs import config, runner, tasks
from hwsim.models.runs.folder import RunFolder
from hwsim.models.search.from_config import setup_from

CONFIG = ModelConfig(
    vocabulary=50, max_tokens=16, width=32, heads=4, layers=2, hidden=64, classes=3, embed_shift=3
)


def shifted(ticket: Ticket, score_shift: int, weigh_shift: int) -> Ticket:
    layers = (
        dataclasses.replace(layer, score_shift=score_shift, inhibit_shift=weigh_shift)
        for layer in ticket.layers
    )
    return ticket.replace(layers=tuple(layers))


def traced(model: DotTransformer, token_ids: np.ndarray, mask: np.ndarray) -> Trace:
    trace: dict[str, torch.Tensor] = {}
    model(torch.from_numpy(token_ids), torch.from_numpy(mask), trace)
    return {name: to_array(tensor) for name, tensor in trace.items()}


@pytest.mark.parametrize("weights", ["ternary", "int4", "int8"])
@pytest.mark.parametrize("inner_norms", [False, True])
@pytest.mark.parametrize(("score_shift", "weigh_shift"), [(8, 7), (0, 0), (23, 23), (5, 2)])
def test_every_named_tensor_equals_the_numpy_model(weights, inner_norms, score_shift, weigh_shift):
    """Shifts of 0 saturate scores and outputs; lengths: random, one token, one real token."""
    made = dataclasses.replace(CONFIG, weights=weights, inner_norms=inner_norms)
    ticket = shifted(random_ticket(made, 5), score_shift, weigh_shift)
    token_ids, mask = random_tokens(made, 6)
    mask[0], mask[1] = np.arange(16) == 0, np.arange(16) == 9
    model = DotTransformer.from_ticket(ticket)
    for ids, real in ((token_ids, mask), (token_ids[:, :1], np.ones_like(mask[:, :1]))):
        expected = baseline.forward(ticket, ids, real)
        assert first_difference("pytorch", expected, traced(model, ids, real), real) is None
    assert model.to_ticket().digest() == ticket.digest()


@pytest.mark.parametrize("head_width", sizes.HEAD_WIDTHS)
@pytest.mark.parametrize("score_shift", [0, 7, 23])
def test_a_head_is_exact_at_the_extremes_of_every_width(head_width, score_shift):
    rng = np.random.default_rng(head_width)
    q, k, v = (rng.choice([-127, 126, 127], (2, 2, 512, head_width)) for _ in range(3))
    q[0], k[0], v[0] = 127, 127, -127
    mask = rng.random((2, 512)) < 0.5
    shifts = {"score_shift": score_shift, "weigh_shift": 7}
    expected = baseline.dot_head(*(x.astype(np.int8) for x in (q, k, v)), mask, **shifts)
    found = dot_head(*(torch.tensor(x).float() for x in (q, k, v)), torch.from_numpy(mask), **shifts, bits=8)
    for want, got in zip(expected, found, strict=True):
        assert np.array_equal(to_array(got), want)


def test_pooling_divides_alike_at_every_length_and_sequences_that_are_allowed_keep_something():
    x = torch.full((1, 512, 1), 127.0)
    shares = [float(pool(x[:, :n], torch.ones(1, n, dtype=torch.bool))) / 127 / n for n in range(1, 513)]
    assert min(shares[: config.DOT_TOKENS]) >= 1
    assert next(n for n, share in enumerate(shares, 1) if share == 0) == 242


def test_gradients_are_those_of_the_float_softmax():
    generator = torch.Generator().manual_seed(0)
    # |values| near 32, as a norm leaves them.
    parts = [(32 * torch.randn(2, 2, 12, 16, generator=generator)).round().clamp(-127, 127) for _ in "qkv"]
    mask = torch.arange(12) < torch.tensor([[12], [7]])
    aim = torch.randn(2, 2, 12, 16, generator=generator)

    def gradients(attend) -> list[torch.Tensor]:
        leaves = [part.clone().requires_grad_() for part in parts]
        (attend(*leaves) * aim).sum().backward()
        return [leaf.grad for leaf in leaves]

    def real(q, k, v):
        scores = (q @ k.mT / 2**9 * np.log(2) / 8).masked_fill(~mask[:, None, None], -torch.inf)
        return scores.softmax(-1) @ v * 127 / 2**5

    whole = gradients(lambda *x: dot_head(*x, mask, 9, 5, 16)[1])
    for got, want in zip(whole, gradients(real), strict=True):
        assert got.isfinite().all()
        assert torch.cosine_similarity(got.flatten(), want.flatten(), 0) > 0.99
        assert float(got.norm() / want.norm()) == pytest.approx(1, abs=0.05)


def test_the_score_reaches_shares_beyond_the_table():
    below = torch.tensor([[0.0, 90.0, 500.0]], requires_grad=True)
    shares = softmax(below, torch.tensor([[True, True, False]]))
    assert shares.tolist() == [[127, 0, 0]]
    shares[0, 1].backward()
    assert below.grad[0, 1] < 0 < below.grad[0, 0]
    assert below.grad[0, 2] == 0


def test_gradients_reach_every_parameter():
    torch.manual_seed(0)
    model = DotTransformer(CONFIG)
    token_ids, mask = random_tokens(CONFIG, 3)
    logits = model.classifier.real(model(torch.from_numpy(token_ids), torch.from_numpy(mask)))
    logits.square().sum().backward()
    silent = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert silent == []


TOY = (
    *("model.kind=integer_dot", "pruning.method=none", "run.check_every=20", "run.eval_every=0"),
    *("model.width=32", "model.heads=4", "model.hidden=64", "training.batch=32", "training.shards=1"),
    *("training.rate=5e-3", "training.epochs=6", "task.examples=1024"),
)


@pytest.mark.parametrize("weights", ["ternary", "int4", "int8"])
def test_a_run_learns_and_what_it_leaves_is_the_numpy_models(tmp_path: Path, weights: str, monkeypatch):
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    wanted = loaded(path, "runs", *TOY, f"model.weights={weights}")
    compared = []
    monkeypatch.setattr(exact, "check", lambda training, check=exact.check: compared.append(check(training)))
    record = runner.execute(wanted)
    assert record["dev"]["accuracy"] > 0.9
    assert compared and set(compared) == {4 + 11}
    assert (record["model"], record["ticket"]) == ("integer_dot", None)
    folder = RunFolder(wanted)
    assert not folder.ticket.exists()
    task = tasks.toy(8)
    model = DotTransformer(wanted.model.architecture(task.vocabulary, task.task.classes))
    model.load_state_dict(under("model", load_file(folder.checkpoint)))
    dev = task.splits["dev"]
    logits = baseline.forward(model.to_ticket(), *dev.data.padded(np.arange(len(dev.data)), 8))["logits"]
    assert (logits.argmax(-1) == dev.labels).mean() == pytest.approx(record["dev"]["accuracy"])
    assert baseline.compile_dot(model.to_ticket(), baseline.DotMachine(lanes=8, width=32)).operations


def test_a_wrong_share_in_training_is_named(tmp_path: Path, monkeypatch):
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    monkeypatch.setattr(DotTransformer, "pool", staticmethod(ops.pool))
    with pytest.raises(exact.InexactError, match=r"step 20: .* differs from the emulator first in pool\["):
        runner.execute(loaded(path, "runs", *TOY))


def test_pruning_in_rounds_is_that_of_the_integer_model(tmp_path: Path):
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    record = runner.execute(loaded(path, "runs", "model.kind=integer_dot"))
    assert record["density"] == pytest.approx(0.5)


def test_what_the_twin_does_not_take_is_one_error():
    twin = "model.kind=integer_dot"
    with pytest.raises(ConfigError, match=r"model\.max_tokens is 256; .* at most 128"):
        config.load("tiny", [twin, "model.max_tokens=256"])
    with pytest.raises(
        ConfigError, match=r"training\.start names a ticket; model\.kind integer_dot takes none"
    ):
        config.load("tiny", [twin, "training.start=a.safetensors"])
    with pytest.raises(ConfigError, match="hwsim train trains it, a search does not"):
        setup_from(config.load("tiny", [twin]), "together", lambda step, steps: None)
    with pytest.raises(ConfigError, match=r"student\.kind is integer_dot; hwsim train teaches it"):
        distill.load("twin", ["student.kind=integer_dot"])
