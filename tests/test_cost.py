"""What a model costs: every formula against a plain run that counts operation by operation."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from counting import CountedFloat, CountedTicket

import hwsim
from hwsim import cost, dense, energy
from hwsim.errors import HwsimError
from hwsim.models.float_model import FloatTransformer

SMALL = hwsim.ModelConfig(
    vocabulary=20, max_tokens=8, width=16, heads=2, layers=2, hidden=24, classes=3, embed_shift=3
)
SWITCHES = [
    SMALL,
    dataclasses.replace(SMALL, centring="mean", inner_norms=True, weights="int8"),
    dataclasses.replace(SMALL, centring="none", inhibition="unsigned", weights="int4", residual_bits=12),
]


@pytest.mark.parametrize("config", SWITCHES, ids=lambda config: config.centring)
@pytest.mark.parametrize("tokens", [1, 5])
def test_a_tickets_operations_and_fetches_are_those_of_a_plain_run(config, tokens):
    ticket = hwsim.random_ticket(config, seed=2)
    token_ids = np.random.default_rng(1).integers(0, config.vocabulary, (1, tokens))
    counted = CountedTicket(ticket)
    assert counted.logits(token_ids[0].tolist()) == hwsim.forward(ticket, token_ids).logits[0].tolist()
    tally, found = counted.tally, cost.cost(ticket, tokens)
    assert found.adds == sum(n for name, n in tally.operations.items() if name.endswith("_add"))
    assert found.multiplies == tally.operations["int32_multiply"]
    assert found.arithmetic_pj == pytest.approx(
        sum(energy.PICOJOULES[name] * n for name, n in tally.operations.items())
    )
    # Activations are read besides parameters and rows of the tables, whose share does not depend on them.
    size = {"once": tally.once, "each_use": tally.each_use}
    table = 2 * tokens * config.width * 8 * energy.memory_for(found.bits.tables // 8)[1]
    stored = (found.bits.encoder + found.bits.rest) * energy.memory_for(found.bits.encoder // 8)[1]
    cell = energy.memory_for(found.activation_bytes)[1]
    assert found.memory_once_pj == pytest.approx((size["once"] * cell + stored + table) / 64)
    assert found.memory_each_use_pj == pytest.approx((size["each_use"] * cell + tokens * stored + table) / 64)


@pytest.mark.parametrize("tokens", [1, 5])
def test_the_float_models_operations_and_fetches_are_those_of_a_plain_run(tokens):
    torch.manual_seed(0)
    model = FloatTransformer(SMALL, "dot").eval()
    token_ids = torch.randint(0, SMALL.vocabulary, (1, tokens))
    counted = CountedFloat(model.state_dict(), SMALL.heads)
    with torch.no_grad():
        expected = model(token_ids, torch.ones_like(token_ids, dtype=torch.bool))[0]
    assert counted.logits(token_ids[0].tolist(), SMALL.layers) == pytest.approx(expected.tolist(), abs=1e-4)
    done = dense.model_work(SMALL, tokens, "float32")
    assert done.operations == counted.tally.operations
    assert (done.once, done.each_use) == (counted.tally.once, counted.tally.each_use)


def test_the_int8_model_does_the_same_and_rescales_every_matrix_product():
    real, whole = (dense.model_work(SMALL, 5, kind) for kind in dense.KINDS)
    assert whole.adds == real.adds
    token = SMALL.layers * (4 * 16 + 24 + 16 + SMALL.heads * 5 + 16)
    assert whole.multiplies == real.multiplies + 5 * token + SMALL.classes
    products = SMALL.layers * (4 * 16 * 16 + 2 * 16 * 24 + 2 * 5 * 16) * 5 + 3 * 16
    assert whole.operations["int8_multiply"] == products


def test_parameters_and_bits_are_those_of_the_arrays_and_the_file(tmp_path):
    ticket = hwsim.random_ticket(SMALL, seed=2)
    found = cost.cost(ticket, 4)
    deltas = SMALL.layers * SMALL.heads
    assert found.parameters == sum(t.size for t in ticket.tensors().values())
    assert found.encoder_weights == SMALL.layers * (4 * 16 * 16 + 2 * 16 * 24)
    assert found.nonzero_digits == sum(np.count_nonzero(linear.weight) for _, linear in ticket.encoder())
    assert found.bits.mask == found.encoder_weights
    # Two bits a kept weight, in whole bytes a layer.
    assert 0 <= found.bits.weights - 2 * found.nonzero_digits < 8 * 12
    biases = sum(linear.bias.size for _, linear in ticket.encoder())
    assert found.bits.rest == 32 * (biases + deltas + 3) + 8 * 3 * 16
    header = 8 * hwsim.save_ticket(ticket, tmp_path / "t.safetensors").stat().st_size - found.bits.total
    assert 0 < header < 8 * 8192
    model = FloatTransformer(SMALL, "dot")
    assert cost.dense_cost(SMALL, 4, "float32").parameters == sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize(("kept", "bits"), [(0, 0), (8, 0), (4, 1.0), (1, 0.5435644)])
def test_entropy(kept, bits):
    assert cost.entropy(kept / 8) == pytest.approx(bits)


@pytest.mark.parametrize("config", SWITCHES, ids=lambda config: config.centring)
def test_activation_bytes_are_the_most_that_a_trace_keeps_alive(config):
    tokens = 6
    ticket = hwsim.random_ticket(config, seed=0)
    token_ids, _ = hwsim.random_tokens(config, 1)
    trace = hwsim.forward(ticket, token_ids[:, :tokens], trace=True).trace
    stream = 2 if config.residual_bits > 8 else 1

    def size(*names: str) -> int:
        wide = {"inhibit": config.inhibit_bits // 8, "attn_out": stream}
        return sum(trace[f"layers.0.{name}"].size * wide.get(name, 1) for name in names)

    steps = [size("attn_norm", "q", "k", "v"), size("q", "k", "v", "inhibit") + config.heads * tokens]
    steps.append(size("ffn_norm", "ffn_hidden"))
    if config.inner_norms:
        steps += [size("inhibit", "inhibit_norm"), size("ffn_hidden", "ffn_hidden_norm")]
    assert cost.activation_bytes(config, tokens) == size("attn_out") + max(steps)


def test_attention_grows_with_the_square_and_the_rest_in_line():
    ticket = hwsim.random_ticket(SMALL, seed=2)
    adds = [cost.cost(ticket, n).adds for n in (2, 4, 6, 8)]
    assert np.diff(adds, 3).tolist() == [0]
    pairs = SMALL.layers * (4 * SMALL.width + 2 * SMALL.heads)
    assert np.diff(adds, 2).tolist() == [8 * pairs] * 2


@pytest.mark.parametrize(
    ("size", "name"), [(1, "8 KB SRAM"), (8193, "32 KB SRAM"), (1 << 20, "1 MB SRAM"), (1 << 21, "DRAM")]
)
def test_memories_are_chosen_by_size(size, name):
    assert energy.memory_for(size)[0] == name


@pytest.mark.parametrize("tokens", [0, 9])
def test_lengths_the_ticket_does_not_take_are_refused(tokens):
    with pytest.raises(HwsimError, match=r"1\.\.8"):
        cost.cost(hwsim.random_ticket(SMALL), tokens)
