"""What every training shares: the schedule of the rate, and what a state holds."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from hwsim.models.batches import UNKNOWN_PIECE, Sequences, drop_words
from hwsim.models.descent import warmth
from hwsim.models.distill.loop import Loop, Plan


def test_the_rate_warms_up_and_falls_to_zero_on_a_cosine():
    shares = [warmth(step, 200) for step in range(201)]
    assert shares[:5] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])
    assert shares[100] == pytest.approx(0.5)
    assert shares[10:] == sorted(shares[10:], reverse=True)
    assert shares[200] == warmth(300, 200) == 0.0
    assert warmth(0, 1) == 1.0


def test_only_what_has_a_gradient_has_moments_in_a_state():
    model = nn.Linear(3, 2)
    model.bias.requires_grad_(False)
    loop = Loop(model, Sequences.pack([[1], [2], [3]], 1), Plan(epochs=1, batch=2), "cpu")
    loop.run(lambda index, token_ids, mask: (model(torch.ones(len(index), 3)) ** 2).mean())
    assert set(loop.state()) == {
        *("step", "random.order", "random.cpu", "module.weight", "module.bias"),
        *(f"optimizer.0.{slot}" for slot in ("step", "exp_avg", "exp_avg_sq")),
    }
    assert int(loop.state()["step"]) == loop.steps == 2


def test_a_share_of_the_words_is_dropped():
    torch.manual_seed(0)
    token_ids = torch.full((100, 50), 9)
    found = drop_words(token_ids, 0.2)
    assert set(found.flatten().tolist()) == {9, UNKNOWN_PIECE}
    assert float((found == UNKNOWN_PIECE).float().mean()) == pytest.approx(0.2, abs=0.03)
    assert torch.equal(drop_words(token_ids, 0.0), token_ids)
