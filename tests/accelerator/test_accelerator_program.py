"""The compiler: words and back, biases in pieces, memory map, limits that are named."""

from __future__ import annotations

import dataclasses
from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim import HwsimError, ModelConfig, digits, load_ticket, random_ticket
from hwsim.accelerator import (
    Kind,
    Machine,
    Operation,
    compile_ticket,
    disassemble,
    fit,
    frame,
    pack,
)
from hwsim.accelerator.program import bias_words
from hwsim.errors import RangeError, UnsupportedError

CONFIG = ModelConfig(vocabulary=20, max_tokens=16, width=32, heads=4, layers=2, hidden=64, classes=3)
TWELVE = st.integers(0, 4095)
OPERATIONS = st.builds(
    Operation,
    kind=st.sampled_from(Kind),
    **{name: st.booleans() for name in ("from_a", "to_a", "to_s", "add_residual", "relu", "centre", "mask")},
    signed=st.booleans(),
    bits=st.integers(1, 16),
    shift=st.integers(0, 31),
    embed_shift=st.integers(0, 7),
    scalars=TWELVE,
    operands=TWELVE,
    destination=TWELVE,
    residual=TWELVE,
    immediate=st.integers(-(1 << 15), (1 << 15) - 1),
    count=TWELVE,
)


@given(OPERATIONS)
def test_an_operation_is_four_words_and_back(operation: Operation) -> None:
    words = operation.words()
    assert words.dtype == np.uint32 and words.shape == (4,)
    assert Operation.from_words(words) == operation
    assert str(operation).split()[0] == operation.kind.name.lower()


def test_numbers_that_do_not_fit_their_field_are_named() -> None:
    for field, value in (
        ("count", 4096),
        ("shift", 32),
        ("immediate", 1 << 15),
        ("bits", 17),
        ("operands", -1),
    ):
        with pytest.raises(HwsimError, match=rf"operation NORM: {field} is {value}; "):
            Operation(Kind.NORM, **{field: value}).words()
    with pytest.raises(HwsimError, match=r"kind 9; the kinds are 0\.\.8"):
        Operation.from_words(np.array([9, 0, 0, 0]))


def test_the_disassembler_reads_the_program_back() -> None:
    program = compile_ticket(random_ticket(CONFIG), fit(random_ticket(CONFIG), 16))
    read = disassemble(program.words())
    assert [str(operation) for operation in read] == [str(operation) for operation in program.operations]
    assert read == [dataclasses.replace(operation, tensor="", part=0) for operation in program.operations]


@given(
    rows=st.lists(
        st.tuples(
            st.integers(-(1 << 22), (1 << 22) - 1),
            st.lists(st.integers(-127, 127), min_size=3, max_size=3),
        ),
        min_size=1,
        max_size=5,
    ),
    x=st.lists(st.integers(-127, 127), min_size=3, max_size=3),
)
def test_a_bias_in_pieces_is_added_once_whatever_is_doubled(
    rows: list[tuple[int, list[int]]], x: list[int]
) -> None:
    bias = np.array([row[0] for row in rows])
    weight = np.array([row[1] for row in rows], np.int8)
    entries = digits.encode(weight).entries
    sums, row, total, index, later = [], 0, None, -1, 0
    for entry in entries.tolist():
        if total is None:
            word = int(bias_words(bias, entries)[row])
            total, index, later = ((word & 0xFFFFFF) ^ 1 << 23) - (1 << 23), -1, word >> 24
        if entry & digits.DOUBLE:
            total, index, later = 2 * total | later & 1, -1, later >> 1
        gap = entry & digits.SKIP
        index += digits.SKIP if gap == digits.SKIP else gap + 1
        if gap != digits.SKIP:
            total += -x[index] if entry & digits.SIGN else x[index]
        if entry & digits.LAST:
            sums.append(total)
            row, total = row + 1, None
    assert sums == (bias + weight.astype(int) @ np.array(x)).tolist()


def test_the_memory_map_fills_the_machine_and_overlaps_only_where_it_says() -> None:
    config = dataclasses.replace(CONFIG, hidden=224, inner_norms=True)
    program = compile_ticket(random_ticket(config), Machine(64, 32, 65536, 1024, 128))
    memory = program.memory
    assert (memory.rows_a, memory.rows_s) == (8 * 32, 4 * 32)
    regions = {what: (where, first, first + rows) for where, what, first, rows in memory.regions()}
    ends = {where: max(end for w, _, end in regions.values() if w == where) for where in "AS"}
    assert ends == {"A": memory.rows_a, "S": memory.rows_s}
    keys, values = (regions[name] for name in ("keys; pool_norm", "values, then inhibit; logits"))
    assert keys[2] == values[1] and regions["normed rows"][2] == keys[1]


@pytest.mark.parametrize(
    "config, machine, message",
    [
        (
            {"width": 64, "heads": 4},
            {},
            r"residual stream of width 64; this accelerator holds 32. Raise Width",
        ),
        (
            {"width": 384, "heads": 12},
            {"width": 256},
            r"width 384, too large for the accelerator: its largest Width holds 256",
        ),
        ({"hidden": 232}, {}, r"rows of memory A in number 264; this accelerator holds 256. Raise Width"),
        ({}, {"weight_depth": 2048}, r"weight entries in number \d+; .* holds 2048. Raise WeightDepth"),
        ({}, {"bias_depth": 256}, r"biases in number 451; this accelerator holds 256. Raise BiasDepth"),
        ({"layers": 3}, {"operations": 64}, r"operations in number 68; .* holds 64. Raise Operations"),
        ({"centring": "mean"}, {}, r"refuses centring 'mean': it has no divider"),
    ],
)
def test_what_does_not_fit_is_named_with_the_parameter_to_raise(
    config: dict[str, int | str], machine: dict[str, int], message: str
) -> None:
    ticket = random_ticket(dataclasses.replace(CONFIG, **config))
    with pytest.raises(UnsupportedError, match=message):
        compile_ticket(ticket, Machine(**({"lanes": 16, "width": 32, "bias_depth": 1024} | machine)))


def test_accumulators_are_proved_from_the_weights() -> None:
    ticket = random_ticket(CONFIG)
    q = ticket.layers[0].linears["q"]
    q.bias[3] = 1 << 23
    with pytest.raises(RangeError, match=r"layers\.0\.q"):
        compile_ticket(ticket, Machine(16, 32, 16384, 1024, 128))


@pytest.mark.parametrize(
    "field, value",
    [("lanes", 4), ("width", 48), ("weight_depth", 1000), ("bias_depth", 3), ("operations", 65)],
)
def test_machines_that_are_not_built_are_refused(field: str, value: int) -> None:
    with pytest.raises(UnsupportedError, match=f"not built with {field} {value}; choose one of"):
        Machine(**{field: value})


def test_the_smallest_machine_is_found() -> None:
    ticket = random_ticket(CONFIG, density=0.05)
    machine = fit(ticket, 8)
    assert (machine.width, machine.weight_depth, machine.bias_depth) == (32, 2048, 512)
    assert fit(ticket, 8, stream_weights=True).streams_weights
    assert fit(load_ticket("sst2-tiny"), 32).parameters == {
        "Lanes": 32,
        "Width": 128,
        "WeightDepth": 131072,
        "BiasDepth": 4096,
        "Operations": 128,
    }
    with pytest.raises(UnsupportedError, match="residual stream of width 512"):
        fit(random_ticket(dataclasses.replace(CONFIG, width=512, heads=8)), 8)


def test_frames_hold_tags_and_rows() -> None:
    ticket = random_ticket(CONFIG)
    ids = np.array([[1, 2, 3], [4, 5, 6]])
    mask = np.array([[True, False, True], [True, True, False]])
    made = frame(mask, 8)
    assert made.tags.tolist() == [0x30, 0x00, 0x10, 0x31, 0x11]
    assert (made.starts, made.lengths, made.keys, made.pairs) == ((0, 3), (3, 2), 5, 3)
    beats = made.beats(ticket, ids).reshape(3, 33)
    assert beats[:, 0].tolist() == [0x0030, 0x3110, 0x0011]
    octets = beats[:, 1:].copy().view(np.int8).reshape(3, 32, 4)
    assert (octets[1, :, 0] == ticket.token_table[3]).all()
    assert (octets[1, :, 1] == ticket.position_table[2]).all()
    assert (octets[1, :, 2] == ticket.token_table[4]).all()
    assert (octets[1, :, 3] == ticket.position_table[0]).all()
    assert not octets[2, :, 2:].any()


def test_frames_that_are_none_are_refused() -> None:
    with pytest.raises(UnsupportedError, match="9 tokens do not go into 8 lanes; raise Lanes"):
        frame(np.ones((3, 3), bool), 8)
    with pytest.raises(UnsupportedError, match="17 sentences in one frame; it takes 16"):
        frame(np.ones((17, 1), bool), 64)
    with pytest.raises(HwsimError, match="no real token"):
        frame(np.zeros((1, 3), bool), 8)


@given(st.lists(st.integers(1, 16), min_size=1, max_size=60))
def test_packing_puts_every_sentence_into_one_frame_with_room(lengths: list[int]) -> None:
    frames = pack(lengths, 16)
    assert sorted(chain.from_iterable(frames)) == list(range(len(lengths)))
    for one in frames:
        assert sum(lengths[i] for i in one) <= 16 and len(one) <= 16
