"""Calls of the C kernels with the golden results, for the program `native/vectors.c` to answer."""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hwsim import ops
from hwsim.native.layers import sparse_can
from hwsim.ops.manhattan_score import CENTRINGS

ROOT = Path(__file__).parent.parent
KERNELS = ROOT / "hwsim" / "native"
STRICT = ("-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wno-unused-function", "-Werror")
SANITIZED = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
HEAD, LINEAR, NORM, REQUANTIZE, RESIDUAL_ADD = range(5)
NONE = np.zeros(0, np.int8)


@dataclass(frozen=True)
class Call:
    """One call as `vectors.c` reads it, and the arrays it shall answer with."""

    operator: int
    words: tuple[int, ...]
    arrays: tuple[np.ndarray, ...]
    expected: tuple[np.ndarray, ...]

    def content(self) -> bytes:
        parts = [struct.pack(f"<{len(self.words) + 1}i", self.operator, *self.words)]
        for array in self.arrays:
            data = np.ascontiguousarray(array).tobytes()
            parts += [struct.pack("<i", len(data)), data, bytes(-len(data) % 4)]
        return b"".join(parts)


def build(source: str, to: Path, options: Sequence[str], compiler: str = "gcc") -> Path:
    """A C file of `tests/native`, compiled with every warning an error."""
    found = shutil.which(compiler)
    assert found, f"no {compiler}: .ci/setup.sh dev installs it"
    command = [found, *STRICT, *options, f"-I{KERNELS}", ROOT / "tests" / "native" / source, "-o", to]
    subprocess.run(command, check=True)
    return to


def assert_answers(
    program: Path, folder: Path, calls: Sequence[Call], emulator: tuple[str, ...] = ()
) -> list[str]:
    """Every set of kernels in the program gives the golden integers; returns the sets' names."""
    given, made = folder / "calls", folder / "results"
    given.write_bytes(b"".join(call.content() for call in calls))
    done = subprocess.run([*emulator, program, given, made], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    names, data, at = done.stdout.split(), made.read_bytes(), 0
    for number, call in enumerate(calls):
        for name in names:
            for want in call.expected:
                got = np.frombuffer(data, want.dtype, want.size, at).reshape(want.shape)
                at += got.nbytes
                np.testing.assert_array_equal(
                    got, want, f"{name}, call {number}: {call.operator} {call.words}"
                )
    assert at == len(data)
    return names


def int8(rng: np.random.Generator, *shape: int, limit: int = 127) -> np.ndarray:
    """Random, or now and then nothing but extremes."""
    if rng.random() < 0.3:
        return rng.choice(np.array([-limit, limit], np.int8), shape)
    return rng.integers(-limit, limit + 1, shape).astype(np.int8)


def head(rng: np.random.Generator, n: int, dh: int, centring: str, signed: bool, bits: int) -> Call:
    """Score and output of one head, with a mask of random holes."""
    q, k, v = (int8(rng, n, dh) for _ in range(3))
    mask = rng.random(n) < 0.8
    mask[rng.integers(n)] = True
    delta, shift, out_shift = int(rng.integers(0, 300)), int(rng.integers(0, 9)), int(rng.integers(0, 8))
    score = ops.manhattan_score(q[None], k[None], mask, shift, np.array([delta]), centring)[0]
    out = ops.inhibit(v, score, out_shift, signed, bits)
    words = (n, dh, delta, shift, out_shift, CENTRINGS.index(centring), int(signed), bits, 1)
    return Call(HEAD, words, (q, k, v, mask.astype(np.int8), NONE), (score, out))


def inhibition(v: np.ndarray, score: np.ndarray, shift: int, signed: bool, bits: int) -> Call:
    """Inhibition alone, by given scores."""
    words = (len(v), v.shape[1], 0, 0, shift, 0, int(signed), bits, 1)
    return Call(HEAD, words, (NONE, NONE, v, NONE, score), (ops.inhibit(v, score, shift, signed, bits),))


def linear(
    rng: np.random.Generator, rows: int, outputs: int, inputs: int, limit: int, density: float, kind: str
) -> Call:
    """A layer followed by what `kind` says; sparse below a density of a half if that form is exact."""
    weight = np.where(rng.random((outputs, inputs)) < density, int8(rng, outputs, inputs, limit=limit), 0)
    weight, x = weight.astype(np.int8), int8(rng, rows, inputs)
    bias = rng.integers(-5000, 5001, outputs).astype(np.int32)
    blocks, sparse = -(-outputs // 16), density < 0.5 and sparse_can(weight, bias)
    shifts = rng.integers(0, rng.choice([10, 20]), blocks).astype(np.uint8)
    acc = ops.linear(x, weight, bias)
    every = np.repeat(shifts, 16)[:outputs].astype(np.int64)
    residual, relu, bits, number = NONE, 0, 16, 0
    if kind == "narrow":
        relu, bits, number = int(rng.integers(2)), 8, 1
        acc = ops.requantize(acc, every)
        acc = ops.relu(acc) if relu else acc
    elif kind == "residual":
        number, residual = 2, rng.integers(-32767, 32768, (rows, outputs)).astype(np.int16)
        acc = ops.saturate(residual + ops.round_shift(acc, every), 16)
    words = (outputs, inputs, rows, int(sparse), number, bits, relu)
    return Call(LINEAR, words, (weight, bias, shifts, x, residual), (acc,))


def norm(x: np.ndarray) -> Call:
    return Call(NORM, x.shape, (x,), (ops.manhattan_norm(x),))


def requantize(acc: np.ndarray, shift: int, bits: int) -> Call:
    return Call(REQUANTIZE, (shift, bits, acc.size), (acc,), (ops.requantize(acc, shift, bits),))


def residual_add(x: np.ndarray, acc: np.ndarray, shift: int, bits: int) -> Call:
    want = ops.residual_add(x, acc, shift, bits).astype(np.int16)
    return Call(RESIDUAL_ADD, (shift, bits, x.size), (x, acc), (want,))


def calls(seed: int) -> Iterator[Call]:
    """Every operator at sizes around the kernels' blocks, at extremes and at rounding ties."""
    rng = np.random.default_rng(seed)
    for n in (1, 3, 4, 5, 15, 16, 17, 31, 33, 64):
        for dh in (1, 4, 7, 8, 9, 16, 24, 33, 64):
            centring, bits = CENTRINGS[(n + dh) % 3], (8, 16, 5, 12)[(n + dh) % 4]
            yield head(rng, n, dh, centring, bool((n + dh) % 5), bits)
    yield head(rng, 20, 256, "min", True, 8)
    yield head(rng, 20, 257, "mean", True, 8)
    for n in (255, 256, 257, 511, 512, 513, 1027):
        full = np.full((n, 9), 127, np.int8) * np.array([1, -1, 1, 1, -1, -1, 1, -1, 1], np.int8)
        yield inhibition(full, np.zeros((n, n), np.int8), 3, n % 2 == 0, 16)
    for kind in ("keep", "narrow", "residual"):
        for limit in (1, 7, 64, 65, 127):
            for rows, outputs, inputs in ((1, 1, 1), (3, 17, 5), (5, 16, 64), (33, 48, 130), (66, 31, 33)):
                for density in (0.1, 1.0):
                    yield linear(rng, rows, outputs, inputs, limit, density, kind)
        yield linear(rng, 34, 20, 3072, 1, 1.0, kind)
        yield linear(rng, 34, 20, 3072, 1, 0.05, kind)
    for width in (1, 15, 16, 17, 128, 512):
        scales = 2.0 ** rng.integers(0, 15, (40, 1))
        yield norm(np.clip(rng.normal(0, 1, (40, width)) * scales, -32767, 32767).astype(np.int16))
        yield norm(rng.choice(np.array([-32768, 32767, 0, 1, -1], np.int16), (5, width)))
    edges = np.array(
        [-(1 << 31), (1 << 31) - 1, (1 << 31) - 2, 0, 1, -1, 127, 128, 32767, 32768, -32768], np.int32
    )
    for shift in range(32):
        half = (1 << shift) >> 1
        near = np.array([c * (1 << shift) + half + d for c in (-128, -1, 0, 1, 127) for d in (-1, 0, 1)])
        acc = np.concatenate([edges, near[np.abs(near) < 1 << 31].astype(np.int32)])
        for bits in (2, 8, 9, 16):
            yield requantize(acc, shift, bits)
            limit = ops.largest(bits)
            x = rng.integers(-limit, limit + 1, acc.size).astype(np.int16)
            yield residual_add(x, acc, shift, bits)
