"""The cycle model's promises and its report; tests/rtl/test_accelerator.py holds it against the Verilog."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim import HwsimError, ModelConfig, digits, evaluate, load_ticket, random_ticket
from hwsim.accelerator import Kind, chart, compile_ticket, cycles, fit, frame, tokens_frame, total
from hwsim.accelerator.density import DENSITIES, curve, ternary_entries
from hwsim.accelerator.report import report
from hwsim.data import load
from hwsim.tokens import encode

CONFIG = ModelConfig(
    vocabulary=20, max_tokens=16, width=32, heads=4, layers=2, hidden=64, classes=3, inner_norms=True
)


@given(st.integers(1, 200), st.integers(1, 6), st.floats(0, 1), st.integers(0, 99))
def test_entries_of_ternary_weights_are_counted_as_they_are_encoded(
    inputs: int, outputs: int, density: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    mask = rng.random((outputs, inputs)) < density
    weight = np.where(mask, rng.choice([-1, 1], mask.shape), 0).astype(np.int8)
    assert ternary_entries(mask) == len(digits.encode(weight).entries)


def test_linear_layers_take_as_many_cycles_as_entries_and_two_percent() -> None:
    ticket = load_ticket("sst2-tiny")
    program = compile_ticket(ticket, fit(ticket, 64))
    said = report(ticket, program, 32, 100)
    assert said["terms"]["linear"] <= 1.02 * said["entries"]
    assert said["entries"] <= 1.02 * said["digits"]
    assert sum(one["cycles"] for one in said["operations"]) == said["cycles"] == sum(said["terms"].values())
    assert said["sentences_per_second"] == pytest.approx(1e8 / said["cycles"])
    at_ticket = next(row for row in said["curve"] if row["density"] == 0.2)
    assert at_ticket["linear"] == pytest.approx(said["terms"]["linear"], rel=0.001)


@pytest.mark.data
def test_the_record_of_the_whole_data_set_is_what_model_and_emulator_say() -> None:
    record = json.loads((Path(__file__).parents[2] / "rtl" / "sst2.json").read_text())
    ticket, examples = load_ticket(record["ticket"]), load(*record["data"].split("/"))
    assert record["digest"] == ticket.digest() and record["n"] == len(examples)
    encoded = encode(ticket, [example.text for example in examples])
    machine = fit(ticket, record["parameters"]["Lanes"])
    program = compile_ticket(ticket, machine)
    assert record["parameters"] == machine.parameters
    spent = [total(program, frame(real[None], machine.lanes)) for real in encoded.mask]
    assert record["cycles_per_sentence"] == sum(spent) / len(spent)
    predicted = evaluate.logits(ticket, encoded).argmax(axis=1)
    assert record["accuracy"] == evaluate.accuracy(predicted, [example.label for example in examples])


def test_terms_are_those_of_the_formulas() -> None:
    ticket = random_ticket(CONFIG, density=0.1)
    program = compile_ticket(ticket, fit(ticket, 16))
    n, d, f, layers, heads, over = 11, 32, 64, 2, 4, 15
    spent = cycles(program, tokens_frame(n))
    by = {kind: sum(one.cycles for one in spent if one.operation.kind is kind) for kind in Kind}
    norms = 5 * (layers * (3 * d + f) + 2 * d) + (4 * layers + 2) * (24 + over)
    assert by[Kind.NORM] == norms
    assert by[Kind.SCORE] == layers * (d * n + heads * over)
    assert by[Kind.INHIBIT] == layers * (d * n + heads * over) + d * n + over
    assert by[Kind.CENTRE] == (layers * heads + 1) * (n + over)
    assert by[Kind.LOAD] == 6 * (d + 1) + over
    assert by[Kind.LINEAR] + by[Kind.CLASSIFY] == len(program.entries) + (6 * layers + 1) * over
    assert by[Kind.SEND] == n + 8 * 3 + over and by[Kind.END] == 1
    assert total(program, tokens_frame(n)) == sum(by.values())


def test_density_shrinks_the_linear_term_only() -> None:
    ticket = random_ticket(CONFIG)
    rows = curve(ticket, compile_ticket(ticket, fit(ticket, 16)), 8)
    assert [row["density"] for row in rows] == list(DENSITIES)
    linear = [row["linear"] for row in rows]
    assert linear == sorted(linear, reverse=True) and linear[0] > 10 * linear[-1]
    assert len({(row["attention"], row["norm"], row["transfer"]) for row in rows}) == 1


def test_traffic_and_energy_grow_with_the_lanes() -> None:
    ticket = random_ticket(CONFIG)
    small, large = (report(ticket, compile_ticket(ticket, fit(ticket, lanes)), 8, 50) for lanes in (8, 16))
    assert large["cycles"] == small["cycles"]
    assert large["traffic_bytes"]["read_a"] == 2 * small["traffic_bytes"]["read_a"]
    assert large["traffic_bytes"]["weights"] == small["traffic_bytes"]["weights"]
    assert large["nanojoules"]["arithmetic"] == pytest.approx(2 * small["nanojoules"]["arithmetic"])
    assert large["nanojoules"]["total"] == sum(large["nanojoules"][part] for part in ("arithmetic", "memory"))


@pytest.mark.parametrize("tokens", [0, 9, 17])
def test_tokens_that_do_not_fit_are_refused(tokens: int) -> None:
    ticket = random_ticket(CONFIG)
    with pytest.raises(HwsimError, match=r"tokens is .*; this ticket on 8 lanes takes 1\.\.8"):
        report(ticket, compile_ticket(ticket, fit(ticket, 8)), tokens, 100)


def test_the_chart_is_drawn(tmp_path) -> None:
    ticket = random_ticket(CONFIG)
    result = report(ticket, compile_ticket(ticket, fit(ticket, 8)), 8, 100)
    drawn = chart.draw(result, "a ticket", tmp_path / "cycles.svg").read_text()
    lanes = result["parameters"]["Lanes"]
    for (name, term), (spent, added, read) in chart.roofline(result).items():
        # Under both roofs, and near the one of additions where an operation is long.
        assert added <= lanes * spent and read <= (3 * lanes + 9 / 8) * spent, name
        assert term != "linear" or added > 0.8 * lanes * spent
    for word in ("a ticket", "ffn_hidden", "attention", "density of ternary weights"):
        assert word in drawn
    with pytest.raises(HwsimError, match=r"ends in \.svg or \.png"):
        chart.draw(result, "a ticket", tmp_path / "cycles.pdf")
