"""Whole tickets and random programs on the verilated accelerator: every integer and every cycle."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from interpreter import Interpreter
from random_programs import SMALL, cleared, programs, with_weights
from vcdvcd import VCDVCD

from hwsim import HwsimError, ModelConfig, Ticket, load_ticket, random_ticket
from hwsim.accelerator import Kind, Machine, Operation, fit, frame, pack, total
from hwsim.accelerator.frame import lengths_of
from hwsim.accelerator.machine import LANES, WIDTHS
from hwsim.make import random_tokens
from hwsim.rtl import accelerator as simulated
from hwsim.rtl import modules, sources, whole
from hwsim.rtl.accelerator import Accelerator
from hwsim.tokens import encode

SENTENCES = (
    "A warm, funny and quietly moving film.",
    "The plot is thin, the jokes are stale, and I kept looking at my watch.",
    "Not a masterpiece, but I would happily see it again.",
    "Dull.",
    "It never finds its rhythm, and neither did I.",
    "Everyone in the cast seems to enjoy the ride.",
    "Two hours of rain, and not one honest moment.",
    "The last scene alone is worth the ticket.",
    "A story told a hundred times, and told better in most of them.",
    "I laughed, then I cried, then I called my mother.",
    "The music does what the script cannot.",
    "Pretty pictures, empty heads.",
    "Rarely has so much money bought so little wonder.",
    "Small, odd and lovely.",
    "You will have forgotten it before the lights go on.",
    "The children were spellbound, and so was their grandfather.",
    "Clumsy in places, yet it means every word.",
    "An engine without a car.",
    "It takes its time, and every minute of it counts.",
    "Somebody should have read the script first.",
)
"""Written for this test."""


def assert_equal(
    ticket: Ticket, machine: Machine, ids: np.ndarray, mask: np.ndarray, stalls: int | None = None
) -> None:
    """Every named tensor, every logit, every cycle; sentences packed as they fit."""
    with whole.Runner(ticket, machine, stalls=stalls) as runner:
        for index in pack(lengths_of(mask).tolist(), machine.lanes):
            done = runner.run(index, ids, mask)
            assert whole.compare(done, ticket, ids, mask) is None
            assert (done.stalls > 0) == (stalls is not None)


CONFIGS = st.builds(
    ModelConfig,
    vocabulary=st.just(40),
    max_tokens=st.just(8),
    width=st.sampled_from([16, 32]),
    heads=st.sampled_from([1, 2, 4]),
    layers=st.integers(1, 2),
    hidden=st.sampled_from([8, 40, 64]),
    classes=st.integers(1, 9),
    weights=st.sampled_from(["ternary", "int4", "int8"]),
    residual_bits=st.integers(8, 16),
    inhibition=st.sampled_from(["signed", "unsigned"]),
    centring=st.sampled_from(["min", "none"]),
    inner_norms=st.booleans(),
    embed_shift=st.integers(0, 7),
)


@settings(max_examples=25, deadline=None)
@given(
    config=CONFIGS,
    seed=st.integers(0, 1 << 16),
    density=st.sampled_from([0.0, 0.02, 0.2, 0.7]),
    stalls=st.one_of(st.none(), st.integers(0, 99)),
    holes=st.booleans(),
)
def test_random_tickets(
    config: ModelConfig, seed: int, density: float, stalls: int | None, holes: bool
) -> None:
    ticket = random_ticket(config, seed, density)
    ids, mask = random_tokens(config, 4, seed)
    if holes:
        mask[2] = np.arange(8) % 3 != 1
    assert_equal(ticket, SMALL, ids, mask, stalls)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("lanes", LANES)
def test_a_random_ticket_on_every_set_of_the_list(lanes: int, width: int) -> None:
    """The whole width is used, and of the lanes all: by one long sentence, and by packed short ones."""
    streamed = width.bit_length() % 2 == lanes.bit_length() % 2
    heads = {32: 1, 64: 4, 128: 2, 256: 4}[width]
    inner_norms, centring = lanes != 16, "none" if lanes == 32 else "min"
    config = ModelConfig(30, lanes, width, heads, 1, 4 * width, 3, inner_norms=inner_norms, centring=centring)
    ticket = random_ticket(config, lanes + width, 0.01)
    machine = fit(ticket, lanes, stream_weights=streamed)
    assert (machine.lanes, machine.width) == (lanes, width)
    ids, mask = random_tokens(config, 3, 1)
    mask[0] = True
    mask[1:] = np.arange(lanes) < [[3], [2]]
    assert_equal(ticket, machine, ids, mask, stalls=3)


def test_many_short_sentences_in_all_lanes() -> None:
    """As many as go into a frame, in any lanes; some have padding between their tokens."""
    config = ModelConfig(vocabulary=40, max_tokens=8, width=16, heads=2, layers=1, hidden=8, classes=2)
    ticket = random_ticket(config, 5, 0.1)
    ids, mask = random_tokens(config, 500, 5)
    rng = np.random.default_rng(5)
    mask &= rng.random(mask.shape) < rng.choice([0.4, 0.7, 1], (len(mask), 1))
    mask[:, 0] = True
    assert_equal(ticket, fit(ticket, 64), ids, mask)


@cache
def shipped() -> tuple[Ticket, np.ndarray, np.ndarray]:
    """The shipped ticket and the sentences."""
    ticket = load_ticket("sst2-tiny")
    encoded = encode(ticket, SENTENCES)
    return ticket, encoded.token_ids, encoded.mask


def test_the_shipped_ticket_on_sentences_alone_and_packed() -> None:
    ticket, ids, mask = shipped()
    seen = []
    alone, machine = whole.evaluate(ticket, ids, mask, lanes=32, watch=seen.append)
    packed, _ = whole.evaluate(ticket, ids, mask, lanes=32, packed=True)
    assert machine.lanes == 32 and sum(seen) == len(SENTENCES)
    assert alone.first_difference is None and alone.differing == 0
    assert packed.logits == alone.logits
    assert packed.differing == 0 and packed.frames < alone.frames == len(SENTENCES)
    assert packed.cycles < 0.8 * alone.cycles


def test_unfinished_work_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = ModelConfig(vocabulary=40, max_tokens=8, width=16, heads=2, layers=1, hidden=16, classes=2)
    ticket = random_ticket(config)
    ids, mask = random_tokens(config, 6)
    whole_run, _ = whole.evaluate(ticket, ids, mask, lanes=8)
    file = tmp_path / "run.part"

    def stop(done: int) -> None:
        if done and file_count():
            raise KeyboardInterrupt

    calls = []

    def file_count() -> bool:
        calls.append(1)
        return len(calls) == 3

    with pytest.raises(KeyboardInterrupt):
        whole.evaluate(ticket, ids, mask, lanes=8, progress=file, watch=stop)
    seen: list[int] = []
    with pytest.raises(HwsimError, match="is of other sentences"):
        whole.evaluate(ticket, ids[::-1].copy(), mask, lanes=8, progress=file)
    again, _ = whole.evaluate(ticket, ids, mask, lanes=8, progress=file, watch=seen.append)
    assert seen[0] == 3 and len(seen) == 4
    assert (again.logits, again.cycles) == (whole_run.logits, whole_run.cycles)
    assert not file.exists()


# ---- Random programs against an interpreter.


@cache
def small_accelerator() -> Accelerator:
    """One simulation for all random programs; each is loaded anew."""
    return Accelerator(with_weights(cleared(), 0))


@settings(max_examples=150, deadline=None)
@given(
    made=programs(),
    seed=st.integers(0, 1 << 16),
    tokens=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    stalls=st.one_of(st.none(), st.integers(0, 99)),
)
def test_random_programs(made: list[Operation], seed: int, tokens: list[int], stalls: int | None) -> None:
    rng = np.random.default_rng(seed)
    lengths = np.array(tokens)[np.cumsum(tokens) <= SMALL.lanes]
    mask = np.arange(4) < lengths[:, None]
    mask &= (np.arange(4) == 0) | (rng.random(mask.shape) < 0.8)
    placed, program, clear = frame(mask, SMALL.lanes), with_weights(made, seed), with_weights(cleared(), 0)
    d, pairs = made[0].count, placed.pairs
    octets = rng.integers(-127, 128, (pairs, d, 4)).astype(np.int8)
    tags = np.zeros(2 * pairs, np.uint32)
    tags[: placed.keys] = placed.tags
    tag_beats = (tags[0::2] | tags[1::2] << 8)[:, None]
    beats = np.hstack([tag_beats, octets.view("<u4")[..., 0]]).ravel()
    accelerator = small_accelerator()
    accelerator.load(clear)
    accelerator.run(np.hstack([tag_beats, np.zeros_like(tag_beats)]).ravel(), placed)
    accelerator.load(program)
    done = accelerator.run(beats, placed, stalls)

    embedded = np.zeros((d, SMALL.lanes), np.int64)
    sums = octets.astype(np.int64).reshape(pairs, d, 2, 2).sum(axis=3)
    embedded[:, : 2 * pairs] = sums.transpose(1, 0, 2).reshape(d, 2 * pairs)
    golden = Interpreter(SMALL, placed, program.entries, program.biases)
    for operation, written in zip(made[:-2], done.written, strict=False):
        expected = golden.run(operation, embedded)
        rows = written.rows.astype(np.int8) if operation.to_a else written.rows
        if operation.kind is Kind.LOAD:
            rows = simulated._of_pairs(placed, d, rows, written.cycle)[0]
        np.testing.assert_array_equal(rows, expected, err_msg=str(operation))
    low, middle, high = (golden.a[row, list(placed.starts)] for row in range(3))
    np.testing.assert_array_equal(done.logits[:, 0], (low & 255) | (middle & 255) << 8 | high << 16)
    assert done.cycles - done.stalls == total(program, placed)


# ---- What must be noticed.

BUGS = [
    ("token_lane", "absolute_i && difference", "1'b0 && difference", "attn_norm", "signed distances"),
    ("token_lane", "{1'b1, segment_i}", "{key_i[4], segment_i}", "score", "padding that counts"),
    ("weight_steps", "take && double && later_q[0]", "1'b0", "q", "biases without their low bits"),
    ("weight_steps", "skip ? 6'd63", "skip ? 6'd62", "ffn_out", "skips one too short"),
    ("weight_steps", "restart1_q <= first_q || double", "restart1_q <= first_q", None, "planes run on"),
    ("sequencer", "DrainClocks = 4'd14", "DrainClocks = 4'd6", None, "rows read too early"),
]
"""None: the accelerator notices itself, or its cycles differ."""


@pytest.mark.parametrize("module, text, bug, where", [pytest.param(*b[:4], id=b[4]) for b in BUGS])
def test_a_planted_bug_is_seen_with_its_cycle(
    module: str, text: str, bug: str, where: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = modules()[module].read_text()
    assert good.count(text) == 1
    copy = tmp_path / f"{module}.v"
    copy.write_text(good.replace(text, bug))
    monkeypatch.setattr(
        simulated, "sources", lambda top: [copy if path.stem == module else path for path in sources(top)]
    )
    config = ModelConfig(
        *(40, 8, 32, 4, 1, 128, 2), weights="int4", residual_bits=9, embed_shift=3, inner_norms=True
    )
    ticket = random_ticket(config, 3, 0.02)
    ids, mask = random_tokens(config, 3, 3)
    mask[2] = np.arange(8) % 3 != 1
    try:
        state, _ = whole.evaluate(ticket, ids, mask, lanes=8)
    except HwsimError as error:
        assert where is None, error
        return
    assert state.first_difference is not None
    assert where is not None and where in state.first_difference["tensor"]
    assert state.first_difference["time"] > 0


def test_the_cycle_of_a_difference_is_where_its_waveform_shows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the middle of the cycle that the report names, the wrong value is on its way into its row."""
    good = modules()["lane_output"].read_text()
    copy = tmp_path / "lane_output.v"
    copy.write_text(good.replace("over_q || lowest_q}", "over_q}"))
    assert copy.read_text() != good
    monkeypatch.setattr(
        simulated, "sources", lambda top: [copy if path.stem == copy.stem else path for path in sources(top)]
    )
    config = ModelConfig(vocabulary=40, max_tokens=8, width=16, heads=2, layers=1, hidden=16, classes=2)
    ids, mask = random_tokens(config, 3)
    file = tmp_path / "run.vcd"
    state, _ = whole.evaluate(random_ticket(config, 1), ids, mask, lanes=8, waves=file)
    found = state.first_difference
    assert found is not None
    wave, time = VCDVCD(str(file)), 10 * found["time"] + 4
    row = int(wave["TOP.row_o[127:0]"][time], 2)
    lane = found["index"][1]
    assert wave["TOP.row_valid_o"][time] == "1"
    assert (row >> 16 * lane & 0xFFFF) == found["actual"] & 0xFFFF != found["expected"] & 0xFFFF


def test_waves_and_their_view(tmp_path: Path) -> None:
    from hwsim.rtl import view

    config = ModelConfig(vocabulary=40, max_tokens=8, width=16, heads=2, layers=1, hidden=16, classes=2)
    ids, mask = random_tokens(config, 1)
    file = tmp_path / "run.vcd"
    state, machine = whole.evaluate(random_ticket(config), ids, mask, lanes=8, waves=file)
    assert state.differing == 0
    saved = view.save(file, machine.lanes, machine.operations).read_text()
    names, scopes = set(), []
    for line in file.read_text().split("$enddefinitions")[0].splitlines():
        words = line.split()
        if words[:1] == ["$scope"]:
            scopes.append(words[2])
        elif words[:1] == ["$upscope"]:
            scopes.pop()
        elif words[:1] == ["$var"]:
            names.add(".".join([*scopes, "".join(words[4:-1])]))
    shown = [line for line in saved.splitlines() if line.startswith("TOP.")]
    assert shown and set(shown) <= names
    assert f'[dumpfile] "{file.name}"' in saved
