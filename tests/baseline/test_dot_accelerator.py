"""The twin on its Verilog: every integer of its NumPy model, every cycle of the cycle model."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from hwsim import HwsimError, ModelConfig, Ticket, random_ticket
from hwsim.accelerator import frame, total
from hwsim.baseline import EXPONENTIAL, DotMachine, compile_dot, encode, forward
from hwsim.errors import RangeError, UnsupportedError
from hwsim.make import random_tokens
from hwsim.rtl import modules, sim, sources
from hwsim.rtl.accelerator import Accelerator, FrameRun, named_tensors
from hwsim.rtl.lanes import unpack

SMALL = DotMachine(lanes=8, width=32, weight_depth=32768, bias_depth=2048, operations=128)
CONFIG = ModelConfig(
    vocabulary=40,
    max_tokens=8,
    width=32,
    heads=2,
    layers=2,
    hidden=64,
    classes=3,
    weights="int8",
    residual_bits=16,
)


class DotAccelerator(Accelerator):
    """The twin, simulated."""

    module = "dot_accelerator"


def shifted(ticket: Ticket, score_shift: int, weigh_shift: int) -> Ticket:
    layers = (
        dataclasses.replace(layer, score_shift=score_shift, inhibit_shift=weigh_shift)
        for layer in ticket.layers
    )
    return ticket.replace(layers=tuple(layers))


def run(
    twin: DotAccelerator, ticket: Ticket, ids: np.ndarray, mask: np.ndarray, stalls: int | None
) -> FrameRun:
    made = frame(mask, twin.program.machine.lanes)
    done = twin.run(made.beats(ticket, ids), made, stalls)
    assert done.cycles - done.stalls == total(twin.program, made)
    return done


@pytest.mark.parametrize("hard", [False, True], ids=["adders", "dsp"])
@pytest.mark.parametrize(
    "density, score_shift, weigh_shift, inner_norms, stalls",
    [(0.3, 7, 7, False, None), (1.0, 9, 6, False, 5), (0.05, 0, 7, True, None), (0.6, 11, 3, True, 7)],
)
def test_every_named_tensor(
    hard: bool, density: float, score_shift: int, weigh_shift: int, inner_norms: bool, stalls: int | None
) -> None:
    config = dataclasses.replace(CONFIG, inner_norms=inner_norms)
    ticket = shifted(random_ticket(config, 3, density), score_shift, weigh_shift)
    ids, mask = random_tokens(config, 4, 3)
    expected = forward(ticket, ids, mask)
    with DotAccelerator(compile_dot(ticket, dataclasses.replace(SMALL, hard=hard))) as twin:
        for i in range(len(mask)):
            done = run(twin, ticket, ids[i : i + 1], mask[i : i + 1], stalls)
            trace, _ = named_tensors(done, config, mask.shape[1])
            assert set(trace) == set(expected)
            for name, golden in expected.items():
                got = own(name, trace[name][0], mask[i])
                np.testing.assert_array_equal(got, own(name, golden[i], mask[i]), err_msg=name)
            np.testing.assert_array_equal(done.logits[0], expected["logits"][i])


def test_sentences_side_by_side_do_not_see_each_other() -> None:
    ticket = shifted(random_ticket(CONFIG, 4, 0.4), 8, 7)
    ids, _ = random_tokens(CONFIG, 3, 4)
    mask = np.arange(8) < np.array([3, 1, 4])[:, None]
    expected = forward(ticket, ids, mask)
    with DotAccelerator(compile_dot(ticket, SMALL)) as twin:
        np.testing.assert_array_equal(run(twin, ticket, ids, mask, None).logits, expected["logits"])


def test_streamed_dense_weights_give_the_same_integers_and_take_an_entry_a_weight() -> None:
    ticket = shifted(random_ticket(CONFIG, 5, 0.2), 8, 7)
    ids, mask = random_tokens(CONFIG, 2, 5)
    machine = dataclasses.replace(SMALL, weight_depth=0)
    sparse, dense = compile_dot(ticket, machine), compile_dot(ticket, machine, dense=True)
    weights = sum(linear.weight.size for _, linear in ticket.encoder()) + ticket.classify_weight.size
    assert len(dense.entries) == weights + 2 * CONFIG.classes
    assert len(sparse.entries) < 0.3 * len(dense.entries)
    with DotAccelerator(sparse) as twin:
        first = run(twin, ticket, ids[1:], mask[1:], 3)
        twin.load(dense)
        second = run(twin, ticket, ids[1:], mask[1:], 3)
    np.testing.assert_array_equal(first.logits, second.logits)
    np.testing.assert_array_equal(first.logits[0], forward(ticket, ids, mask)["logits"][1])


@pytest.mark.parametrize("hard", [0, 1])
def test_every_product_of_two_bytes_and_every_number_that_passes(hard: int) -> None:
    a, b = (grid.ravel() for grid in np.meshgrid(np.arange(-128, 128), np.arange(-128, 128)))
    numbers = np.arange(-(1 << 15), 1 << 15)
    with sim.build(
        "multiplier_8x8_bench",
        [Path(__file__).with_name("multiplier_8x8_bench.v"), *sources("multiplier_8x8")],
        {"Hard": hard},
    ) as simulation:
        simulation.reset()
        for passes in (0, 1):
            beats = (numbers & 0xFFFF) << 17 | passes << 16 | (b & 255) << 8 | (a & 255)
            done = simulation.stream({"s_axis": {"tdata": beats}}, len(beats))
            got = unpack(done.data.rows, 1, 17, signed=False)[:, 0]
            wanted = numbers if passes else a * b
            np.testing.assert_array_equal(got & 0xFFFF, wanted & 0xFFFF)
            if passes:
                np.testing.assert_array_equal(got >> 16, numbers < 0)


def test_the_table_of_exponentials() -> None:
    with sim.build("exponential_table", sources("exponential_table")) as simulation:
        made = simulation.vectors({"distance_i": np.arange(128)})["value_o"]
    np.testing.assert_array_equal(unpack(made, 1, 7, signed=False)[:, 0], EXPONENTIAL)
    assert EXPONENTIAL[0] == 127 and EXPONENTIAL[8] == 64 and EXPONENTIAL[127] == 0
    assert (np.diff(EXPONENTIAL) <= 0).all()


def test_streams_of_weights() -> None:
    weight = np.zeros((3, 200), np.int8)
    weight[0, [0, 130]] = (-1, 127)
    weight[2, 199] = -127
    last, skip = 1 << 14, 63 << 8
    assert encode(weight).tolist() == [
        *(255, skip, skip, 3 << 8 | 127 | last),
        skip | last,
        *(skip, skip, skip, 10 << 8 | 129 | last),
    ]
    dense = encode(weight, dense=True)
    assert len(dense) == weight.size and (dense & skip == 0).all()


@pytest.mark.parametrize(
    "module, right, wrong, tensor",
    [
        ("dot_lane", "exponential_i ? {9'd0, exponential} : s_i", "s_i", "layers.0.score"),
        ("dot_lane", "centre_i ? ~minimum_q", "centre_i ? ~minimum_q ^ 16'd1", "layers.0.score"),
        ("dot_lane", "if (forget_i) minimum_q", "if (1'b0) minimum_q", "layers.0.score"),
        ("dot_row_engine", ".negate_i(score)", ".negate_i(1'b0)", "layers.0.score"),
        ("dot_row_engine", "norm && !negate_q[4]", "1'b0", "layers.0.attn_norm"),
        ("multiplier_8x8", "- (twice & {10{b_i[7]}})", "+ (twice & {10{b_i[7]}})", "layers.0.q"),
        ("dot_weight_steps", "skip ? 6'd63", "skip ? 6'd62", "layers.0.q"),
    ],
)
def test_a_planted_bug_is_found_in_its_tensor(
    module: str, right: str, wrong: str, tensor: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = tmp_path / f"{module}.v"
    text = modules()[module].read_text()
    assert text.count(right) == 1
    bad.write_text(text.replace(right, wrong))
    files = [bad if path.stem == module else path for path in sources(DotAccelerator.module)]
    monkeypatch.setattr("hwsim.rtl.accelerator.sources", lambda _: files)
    # So sparse that some gaps are longer than one entry holds.
    config = dataclasses.replace(CONFIG, width=128, layers=1, hidden=32)
    ticket = shifted(random_ticket(config, 3, 0.02), 9, 6)
    ids, mask = random_tokens(config, 2, 3)
    expected = forward(ticket, ids, mask)
    with DotAccelerator(compile_dot(ticket, dataclasses.replace(SMALL, width=128))) as twin:
        made = [
            twin.run(frame(mask[i : i + 1], 8).beats(ticket, ids[i : i + 1]), frame(mask[i : i + 1], 8))
            for i in (1, 0, 1)
        ]
    differing = [
        name
        for done, i in zip(made, (1, 0, 1), strict=True)
        for name, value in named_tensors(done, config, 8)[0].items()
        if name in expected
        and not np.array_equal(own(name, value[0], mask[i]), own(name, expected[name][i], mask[i]))
    ]
    assert differing and differing[0] == tensor


def own(name: str, value: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The part of a tensor that belongs to real tokens."""
    length = int(mask.sum())
    if name in ("pool", "pool_norm", "logits"):
        return value
    return value[:, :length, :length] if name.endswith("score") else value[:length]


def test_refusals() -> None:
    ticket = random_ticket(CONFIG)
    with pytest.raises(UnsupportedError, match="takes the place of centring 'min'"):
        compile_dot(random_ticket(dataclasses.replace(CONFIG, centring="none")), SMALL)
    with pytest.raises(UnsupportedError, match=r"weights; this twin holds 2048\. Raise WeightDepth"):
        compile_dot(ticket, dataclasses.replace(SMALL, weight_depth=2048))
    wide = dataclasses.replace(CONFIG, hidden=1024, weights="int8")
    heavy = random_ticket(wide, density=1.0)
    layer = heavy.layers[0]
    linear = dataclasses.replace(layer.linears["ffn_out"], weight=np.full((32, 1024), 127, np.int8))
    loaded = dataclasses.replace(layer, linears=layer.linears | {"ffn_out": linear})
    with pytest.raises(RangeError, match=r"layers.0.ffn_out: a row's sum may reach 165\d+; 24 bits"):
        compile_dot(heavy.replace(layers=(loaded, heavy.layers[1])), SMALL)
    with pytest.raises(HwsimError, match="not built with lanes 12"):
        DotMachine(lanes=12)
