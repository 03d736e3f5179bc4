"""Strong tickets: masks that are learnt over weights that are not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from prunable import made

import hwsim
from hwsim.errors import UnsupportedError
from hwsim.models import InhibitorTransformer, pruning
from hwsim.models.pruning.strong import freeze_tables
from hwsim.models.pruning.weights import layers


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
