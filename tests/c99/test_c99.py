"""The C99 model gives the emulator's integers at every named tensor, under sanitizers, and needs nothing."""

from __future__ import annotations

import dataclasses
import itertools
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

import hwsim
from hwsim import ModelConfig, Ticket, digits
from hwsim.c99 import generate
from hwsim.c99.build import ARM, CORTEX_M4, HERE, SANITIZED, STRICT, Program, sizes, write
from hwsim.c99.source import ternary_bytes
from hwsim.compare import first_difference
from hwsim.errors import HwsimError, MissingToolError, RangeError
from hwsim.tickets import DEFAULT

SMALL = ModelConfig(
    vocabulary=30, max_tokens=8, width=16, heads=2, layers=2, hidden=24, classes=3, embed_shift=4
)


def inputs(config: ModelConfig, batch: int = 4) -> tuple[np.ndarray, np.ndarray]:
    token_ids, mask = hwsim.random_tokens(config, batch)
    mask[-1] = np.arange(config.max_tokens) % 3 != 1
    return token_ids, mask


def assert_exact(ticket: Ticket, *batches: tuple[np.ndarray, np.ndarray]) -> None:
    with Program(ticket, ("-O1", *SANITIZED)) as program:
        for token_ids, mask in batches or (inputs(ticket.config),):
            expected = hwsim.forward(ticket, token_ids, mask, trace=True).trace
            got = program.run(token_ids, mask)
            assert list(got) == list(expected)
            assert first_difference("c99", expected, got, mask) is None


SWITCHES = [
    {"inhibition": inhibition, "centring": centring, "weights": weights, "inner_norms": inner_norms}
    for (inhibition, centring, weights), inner_norms in zip(
        itertools.product(("signed", "unsigned"), ("min", "mean", "none"), ("ternary", "int4", "int8")),
        itertools.cycle((False, True)),
        strict=False,
    )
]


@pytest.mark.parametrize("switches", SWITCHES, ids=lambda s: "-".join(map(str, s.values())))
def test_every_switch(switches: dict) -> None:
    assert_exact(hwsim.random_ticket(dataclasses.replace(SMALL, **switches), seed=1))


@pytest.mark.parametrize(
    ("width", "head", "tokens", "bits"),
    [(32, 4, 16, 16), (64, 64, 128, 8), (384, 32, 32, 16), (768, 64, 8, 15)],
)
def test_sizes(width: int, head: int, tokens: int, bits: int) -> None:
    config = ModelConfig(50, tokens, width, width // head, 1, 40, 64, residual_bits=bits, embed_shift=7)
    assert_exact(hwsim.random_ticket(config, seed=width, density=0.05))


def test_the_shipped_ticket() -> None:
    assert_exact(hwsim.load_ticket(DEFAULT))


@pytest.mark.parametrize("weights", ["ternary", "int8"])
def test_on_a_32_bit_arm_in_emulation(weights: str) -> None:
    config = dataclasses.replace(SMALL, weights=weights, inner_norms=weights == "int8", centring="mean")
    ticket = hwsim.random_ticket(config, seed=9)
    token_ids, mask = inputs(config)
    expected = hwsim.forward(ticket, token_ids, mask, trace=True).trace
    with Program(ticket, machine=ARM) as program:
        assert first_difference("arm", expected, program.run(token_ids, mask), mask) is None


def test_every_length_and_all_padding_but_one() -> None:
    ticket = hwsim.random_ticket(SMALL, seed=2)
    rng = np.random.default_rng(0)
    lengths = [(rng.integers(0, 30, (2, n)), np.ones((2, n), bool)) for n in range(1, 9)]
    assert_exact(ticket, *lengths, (rng.integers(0, 30, (8, 8)), np.eye(8, dtype=bool)))


def with_linear(ticket: Ticket, name: str, **changes: object) -> Ticket:
    layer = ticket.layers[0]
    linears = layer.linears | {name: dataclasses.replace(layer.linears[name], **changes)}
    return ticket.replace(layers=(dataclasses.replace(layer, linears=linears), *ticket.layers[1:]))


@pytest.mark.parametrize("shift", [0, 1, 23])
def test_the_edges_of_the_accumulator(shift: int) -> None:
    half = (1 << shift) >> 1
    most = (1 << 30) - 1 - half
    bias = np.tile(np.array([most, -most, half, -half, half - 1, 1 - half, 0, 1]), 2).astype(np.int32)
    nothing = np.zeros((16, 16), np.int8)
    ticket = with_linear(hwsim.random_ticket(SMALL), "k", weight=nothing, bias=bias, shift=shift)
    assert_exact(ticket)
    with pytest.raises(RangeError, match=r"the int32 profile holds .*1 too much"):
        generate(with_linear(ticket, "k", bias=bias + (bias == most)))


def test_rows_without_weights_and_far_apart() -> None:
    config = dataclasses.replace(SMALL, width=256, heads=4)
    weight = np.zeros((256, 256), np.int8)
    weight[1, [0, 255]], weight[2, 64], weight[3, 63], weight[4, [62, 126, 190]] = (1, -1), -1, 1, -1
    weight[5] = np.where(np.arange(256) % 2, -1, 1)
    stream = ternary_bytes(weight)
    assert stream.dtype == np.uint8
    assert (stream >= 128).sum() == 256
    assert len(stream) == len(digits.encode(weight).entries)
    assert_exact(with_linear(hwsim.random_ticket(config), "q", weight=weight))


def test_sparse_weights_take_a_byte_each_and_little_more() -> None:
    ticket = hwsim.load_ticket("sst2-tiny")
    weights = sum(ternary_bytes(linear.weight).nbytes for _, linear in ticket.encoder())
    assert ticket.digits <= weights <= 1.01 * ticket.digits
    made = generate(ticket)
    tables = ticket.token_table.nbytes + ticket.position_table.nbytes
    assert made.flash < tables + weights + 16384


def test_no_floats_no_allocation_and_nothing_but_memcpy_and_memset(tmp_path: Path) -> None:
    made = generate(hwsim.random_ticket(dataclasses.replace(SMALL, centring="mean")), "tiny")
    text = re.sub(r"/\*.*?\*/", "", made.header + made.source, flags=re.DOTALL)
    assert not re.search(r"\b(float|double|malloc|calloc|alloca|free)\b", text)
    assert re.findall(r"#include (.*)", text) == ["<stdint.h>", '"tiny.h"']
    path = write(made, tmp_path)
    # The compiler may use no floating-point or vector register at all.
    bare = ["-ffreestanding", "-mgeneral-regs-only", "-fno-pie", "-Os", "-c", path, "-o", "tiny.o"]
    subprocess.run([HERE.found(), *STRICT, *bare], cwd=tmp_path, check=True)
    listed = subprocess.run(["nm", "tiny.o"], cwd=tmp_path, check=True, capture_output=True, text=True)
    symbols = [line.split()[-2:] for line in listed.stdout.splitlines()]
    assert {name for kind, name in symbols if kind == "U"} <= {"memcpy", "memset"}
    assert [name for kind, name in symbols if kind in "TDB"] == ["tiny_run"]
    # No data that is written, whether initialised or not.
    assert not [name for kind, name in symbols if kind in "dDbB"]


@pytest.mark.parametrize("inner_norms", [False, True])
def test_the_memory_is_what_is_said_and_a_null_mask_means_all_real(inner_norms: bool, tmp_path: Path) -> None:
    ticket = hwsim.random_ticket(dataclasses.replace(SMALL, inner_norms=inner_norms))
    made = generate(ticket, "tiny")
    path = write(made, tmp_path)
    (tmp_path / "main.c").write_text(
        f"""
        #include <stdio.h>
        #include "tiny.h"
        typedef char size_is_known[sizeof(struct tiny_memory) == {made.ram} ? 1 : -1];
        static struct tiny_memory memory;
        int main(void) {{
            const int32_t ids[3] = {{5, 29, 0}}, low[1] = {{-1}}, high[1] = {{30}};
            const uint8_t none[3] = {{0, 0, 0}};
            int32_t logits[TINY_CLASSES];
            if (tiny_run(&memory, ids, 0, 0, logits) != TINY_WRONG_LENGTH) return 1;
            if (tiny_run(&memory, ids, 0, TINY_MAX_TOKENS + 1, logits) != TINY_WRONG_LENGTH) return 2;
            if (tiny_run(&memory, low, 0, 1, logits) != TINY_UNKNOWN_TOKEN) return 3;
            if (tiny_run(&memory, high, 0, 1, logits) != TINY_UNKNOWN_TOKEN) return 4;
            if (tiny_run(&memory, ids, none, 3, logits) != TINY_ALL_PADDING) return 5;
            if (tiny_run(&memory, ids, 0, 3, logits) != TINY_OK) return 6;
            printf("%d %d %d", (int)logits[0], (int)logits[1], (int)logits[2]);
            return 0;
        }}
        """
    )
    subprocess.run(
        [HERE.found(), *STRICT, *SANITIZED, path, "main.c", "-o", "main"], cwd=tmp_path, check=True
    )
    done = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    want = hwsim.forward(ticket, np.array([[5, 29, 0]])).logits[0]
    assert list(map(int, done.stdout.split())) == want.tolist()


def test_measured_sizes() -> None:
    made = generate(hwsim.random_ticket(SMALL))
    found = sizes(made)
    assert found["ram"] == made.ram
    assert found["flash"] == made.flash + found["code"]
    assert 500 < found["code"] < 20000
    small = sizes(made, CORTEX_M4)
    assert small["ram"] == made.ram
    assert 500 < small["code"] < 20000


def test_two_models_live_in_one_program(tmp_path: Path) -> None:
    for seed, name in enumerate(("first", "second")):
        path = write(generate(hwsim.random_ticket(SMALL, seed=seed), name), tmp_path)
        command = [HERE.found(), *STRICT, "-c", path, "-o", f"{name}.o"]
        subprocess.run(command, cwd=tmp_path, check=True)
    (tmp_path / "main.c").write_text(
        '#include "first.h"\n#include "second.h"\nint main(void) { return FIRST_CLASSES - SECOND_CLASSES; }\n'
    )
    command = [HERE.found(), *STRICT, "main.c", "first.o", "second.o", "-o", "main"]
    subprocess.run(command, cwd=tmp_path, check=True)
    assert subprocess.run([tmp_path / "main"], check=False).returncode == 0


def test_what_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    ticket = hwsim.random_ticket(SMALL)
    for name in ("", "2x", "a-b", "a b"):
        with pytest.raises(HwsimError, match="no name for C"):
            generate(ticket, name)
    with Program(ticket) as program:
        with pytest.raises(HwsimError, match="token id 30"):
            program.run(np.array([[30]]))
        with pytest.raises(HwsimError, match="without a real token"):
            program.run(np.array([[1]]), np.array([[0]]))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(MissingToolError, match="install gcc"):
        Program(ticket)


def test_a_bug_planted_in_the_c_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    ticket = hwsim.random_ticket(SMALL, seed=4)
    token_ids, mask = inputs(SMALL)
    expected = hwsim.forward(ticket, token_ids, mask, trace=True).trace
    for right, wrong, tensor in (
        (">> 1), shift)", ">> 2), shift)", "layers.0.q"),
        ("clamp(value, -z, z)", "clamp(value, -z - 1, z)", "layers.0.inhibit"),
        ("z[j] < centre", "z[j] > centre", "layers.0.score"),
    ):

        def planted(one: Ticket, name: str, right: str = right, wrong: str = wrong) -> object:
            made = generate(one, name)
            assert made.source.count(right) == 1
            return dataclasses.replace(made, source=made.source.replace(right, wrong))

        monkeypatch.setattr("hwsim.c99.build.generate", planted)
        with Program(ticket) as program:
            found = first_difference("c99", expected, program.run(token_ids, mask), mask)
        assert found is not None
        assert found.tensor in (tensor, "layers.0.attn_norm")
