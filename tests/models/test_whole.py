"""An integer student of its teacher's shape: the teacher's states, first values, and what stages aim at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from distillery import WORDS, large, small_encoder

import hwsim
from hwsim.errors import ConfigError
from hwsim.models.batches import Sequences
from hwsim.models.distill.stages import expect
from hwsim.models.distill.states import Reader
from hwsim.models.distill.teacher import load_encoder
from hwsim.models.distill.transplant import Basis, convert, transplant
from hwsim.models.distill.whole import Aim, Guide, differences, over_real, teach
from hwsim.models.layers import UNIT, IntegerLinear
from hwsim.models.model import InhibitorTransformer
from hwsim.models.train import TrainConfig, TrainingSet
from hwsim.models.vocabulary import shrink

TEXTS = [
    " ".join(WORDS[i] for i in np.random.default_rng(n).integers(0, len(WORDS), 1 + n % 9)) for n in range(96)
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_encoder(tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def small():
    return shrink(large(), TEXTS, 64)[0]


@pytest.fixture(scope="module")
def data(small) -> Sequences:
    return Sequences.pack([small.encode(text, add_special_tokens=False).ids for text in TEXTS], 16)


@pytest.fixture
def reader(home, small) -> Reader:
    return Reader(load_encoder(home), large(), small)


def padded(data: Sequences) -> list[torch.Tensor]:
    return [torch.from_numpy(part) for part in data.padded(np.arange(len(data)), 16)]


def student(small, weights: str = "int8", **changes: int) -> InhibitorTransformer:
    sizes = {"width": 32, "heads": 4, "layers": 2, "hidden": 48} | changes
    torch.manual_seed(0)
    rows = small.get_vocab_size()
    return InhibitorTransformer(
        hwsim.ModelConfig(vocabulary=rows, max_tokens=16, classes=2, weights=weights, embed_shift=3, **sizes)
    )


def distance(model: InhibitorTransformer, guide: Guide, data: Sequences) -> list[float]:
    """The error of every hidden state."""
    token_ids, mask = padded(data)
    trace: dict[str, torch.Tensor] = {}
    with torch.no_grad():
        model.pooled(token_ids, mask, trace, keep_score=False)
    found = guide.reader(token_ids, mask)
    norms = ["layers.0.attn_norm", "layers.1.attn_norm", "final_norm"]
    wanted = [guide.basis.normed(hidden, i) for i, hidden in enumerate(found.hidden)]
    return [
        float(over_real(differences(trace[n][None], w), mask[None]))
        for n, w in zip(norms, wanted, strict=True)
    ]


def test_states_are_those_of_the_library_between_its_special_pieces(reader, small, data):
    token_ids, mask = padded(data)
    found = reader(token_ids, mask)
    for row in (0, 5, 8):
        ids = torch.tensor([large().encode(TEXTS[row]).ids])
        with torch.no_grad():
            wanted = reader.encoder(input_ids=ids, output_hidden_states=True).hidden_states
        for mine, theirs in zip(found.hidden, wanted, strict=True):
            torch.testing.assert_close(mine[row, mask[row]], theirs[0, 1:-1], rtol=0, atol=1e-5)


def test_a_student_begins_near_its_teacher(reader, small, data):
    token_ids, mask = padded(data)
    guide = Guide(reader, Basis.of(reader, token_ids, mask))
    random, begun = student(small), student(small)
    transplant(begun, reader, token_ids, mask)
    before, after = distance(random, guide, data), distance(begun, guide, data)
    assert all(near < 0.8 * far for near, far in zip(after, before, strict=True))
    assert after[0] < 0.05 * before[0]


def test_a_student_of_scores_begins_with_their_mean(small, data):
    model = student(small)
    expect(model, np.array([1.0, 2.5, 5.0]))
    with torch.no_grad():
        answers = model.classifier.real(model(*padded(data)))
    assert torch.allclose(answers, torch.tensor(8.5 / 3), atol=1 / 2048)


def test_other_shapes_are_refused(reader, small, data):
    with pytest.raises(ConfigError, match="width, heads and hidden"):
        transplant(student(small, hidden=64), reader, *padded(data))


def test_each_aim_moves_what_it_names_and_comes_nearer(reader, small, data):
    token_ids, mask = padded(data)
    guide = Guide(reader, Basis.of(reader, token_ids, mask))
    training = TrainingSet(data, np.full(len(data), -1))
    model = student(small, "int4")
    transplant(model, reader, token_ids, mask)
    plan = TrainConfig(epochs=30, batch=32, rate=1e-3, scale_rate=2e-3, hidden=1.0, word_dropout=0.0)
    old = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    teach(model, guide, Aim(attention=1), training, plan, "cpu", check_every=50)
    moved = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, old[name])}
    assert {"blocks.1.q.latent", "blocks.1.v.latent"} <= moved
    assert all(name.startswith("blocks.1.") and "_out" not in name and "ffn" not in name for name in moved)
    before = distance(model, guide, data)
    teach(model, guide, Aim(), training, plan, "cpu", check_every=50)
    assert sum(distance(model, guide, data)) < 0.7 * sum(before)
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_ternary_weights_take_the_nearest_power_of_two():
    linear = IntegerLinear(64, 32, "ternary")
    torch.manual_seed(0)
    with torch.no_grad():
        linear.latent.normal_(0, 0.1)
    linear.fit_grid()
    step = 2.0 ** -linear.shift().item()
    kept = linear.integers(linear.shift())[0] * step

    def squares(other: torch.Tensor) -> float:
        return float((linear.latent - other).square().sum().detach())

    for other in (step / 2, step * 2):
        nearest = linear.latent.sign() * other * (linear.latent.abs() > other / 2)
        assert squares(kept) <= squares(nearest)
    assert 0.3 < float(linear.mask.float().mean()) < 0.9


def test_a_student_keeps_its_function_on_a_finer_grid(reader, small, data):
    token_ids, mask = padded(data)
    guide = Guide(reader, Basis.of(reader, token_ids, mask))
    coarse, fine = student(small, "int4"), student(small, "int8")
    transplant(coarse, reader, token_ids, mask)
    convert(fine, coarse)
    assert fine.config.weights == "int8"
    near, far = distance(fine, guide, data), distance(coarse, guide, data)
    assert sum(near) <= sum(far) * 1.1
    assert UNIT == 32
