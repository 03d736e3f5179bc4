"""Directed and random inputs for every operator, shared by `hwsim verify --ops` and the tests.

A case names an operator and its arguments, so that any implementation with the operator's signature can
run it and be held against the golden result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from hwsim import ops
from hwsim.errors import HwsimError
from hwsim.ops.manhattan_score import CENTRINGS, LARGEST_DELTA


@dataclass(frozen=True)
class Case:
    """One call of an operator."""

    operator: str
    name: str
    arguments: dict[str, Any]

    def expected(self) -> np.ndarray:
        """The golden result."""
        return getattr(ops, self.operator)(**self.arguments)


Generator = np.random.Generator


def ties(shift: int) -> np.ndarray:
    """Rounding ties at `shift`, their neighbours and zero, both signs, int32 below 2^24."""
    half = (1 << shift) >> 1
    centres = [n * (1 << shift) + half for n in (-129, -128, -127, -3, -2, -1, 0, 1, 2, 126, 127, 128)]
    values = {c + d for c in centres for d in (-1, 0, 1)} | {0}
    return np.array(sorted(v for v in values if abs(v) + half < 1 << 24), np.int32)


def _extremes(rng: Generator, shape: tuple[int, ...], bits: int = 8) -> np.ndarray:
    limit = ops.largest(bits)
    return rng.choice(np.array([-limit, limit, 0]), shape)


def _int8(rng: Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.integers(-127, 128, shape).astype(np.int8)


def _round_shift(rng: Generator) -> Iterator[tuple[str, dict[str, Any]]]:
    for shift in range(23):
        yield f"ties at shift {shift}", {"x": ties(shift), "shift": shift}
    for shift in (0, 1, 7, 15):
        yield (
            f"random, shift {shift}",
            {"x": rng.integers(-(1 << 22), 1 << 22, 257).astype(np.int32), "shift": shift},
        )


def _saturate(rng: Generator) -> Iterator[tuple[str, dict[str, Any]]]:
    for bits in (8, 12, 16):
        limit = ops.largest(bits)
        edges = np.array(
            [s * limit + d for s in (-1, 1) for d in (-2, -1, 0, 1, 2)] + [0, 1 << 23, -(1 << 23)]
        )
        yield f"edges of {bits} bits", {"x": edges.astype(np.int32), "bits": bits}
        yield (
            f"random, {bits} bits",
            {"x": rng.integers(-(1 << 17), 1 << 17, 257).astype(np.int32), "bits": bits},
        )


def _requantize(rng: Generator) -> Iterator[tuple[str, dict[str, Any]]]:
    for shift in range(23):
        yield f"ties at shift {shift}", {"acc": ties(shift), "shift": shift, "bits": 8}
    for shift, bits in ((0, 8), (3, 8), (9, 8), (0, 16), (4, 16)):
        acc = rng.integers(-(1 << 21), 1 << 21, 257).astype(np.int32)
        yield f"random, shift {shift}, {bits} bits", {"acc": acc, "shift": shift, "bits": bits}


def _embed(rng: Generator) -> Iterator[tuple[str, dict[str, Any]]]:
    for shift, bits in ((0, 16), (3, 12), (7, 15), (7, 16)):
        for kind, draw in (("random", _int8), ("extremes", lambda r, s: _extremes(r, s).astype(np.int8))):
            rows = {"token": draw(rng, (2, 5, 16)), "position": draw(rng, (5, 16))}
            yield f"{kind}, shift {shift}, {bits} bits", rows | {"shift": shift, "bits": bits}


def _manhattan_norm(rng: Generator) -> Iterator[tuple[str, dict[str, Any]]]:
    for width in (16, 32, 64, 128):
        powers = [np.eye(1, width, dtype=np.int64)[0] * ((1 << e) + d) for e in range(15) for d in (-1, 0, 1)]
        yield f"norms around powers of two, width {width}", {"x": np.array(powers).astype(np.int16)}
        yield f"zeros, width {width}", {"x": np.zeros((2, width), np.int16)}
        yield f"16-bit extremes, width {width}", {"x": _extremes(rng, (4, width), 16).astype(np.int16)}
        yield f"8-bit random, width {width}", {"x": _int8(rng, (2, 3, width))}
        wide = (rng.normal(0, 1, (16, width)) * 2.0 ** rng.integers(0, 15, (16, 1))).round()
        yield f"16-bit random, width {width}", {"x": np.clip(wide, -32767, 32767).astype(np.int16)}
        sums = rng.integers(-(127 * 64), 127 * 64 + 1, (4, width)).astype(np.int32)
        yield f"pooled sums, width {width}", {"x": sums}


def _weights(rng: Generator, shape: tuple[int, int], limit: int, density: float) -> np.ndarray:
    weight = rng.integers(-limit, limit + 1, shape)
    return np.where(rng.random(shape) < density, weight, 0).astype(np.int8)


def _linear(rng: Generator) -> Iterator[tuple[str, dict[str, Any]]]:
    for kind, limit in (("ternary", 1), ("int4", 7), ("int8", 127)):
        for outputs, inputs, density in ((16, 32, 0.5), (8, 200, 0.02), (4, 16, 1.0)):
            yield (
                f"{kind}, {outputs} x {inputs}, density {density}",
                {
                    "x": _int8(rng, (2, 5, inputs)),
                    "weight": _weights(rng, (outputs, inputs), limit, density),
                    "bias": rng.integers(-1000, 1001, outputs).astype(np.int32),
                },
            )
    yield (
        "no weights at all",
        {
            "x": _int8(rng, (1, 3, 16)),
            "weight": np.zeros((4, 16), np.int8),
            "bias": np.array([-5, 0, 5, 1 << 20], np.int32),
        },
    )
    yield (
        "extremes",
        {
            "x": np.full((1, 2, 32), 127, np.int8) * np.array([[[1], [-1]]], np.int8),
            "weight": np.stack(
                [np.full(32, 127), np.full(32, -127), np.full(32, 85), np.full(32, -1)]
            ).astype(np.int8),
            "bias": np.zeros(4, np.int32),
        },
    )


def _relu(rng: Generator) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "every value", {"x": np.arange(-127, 128).astype(np.int8)}


def _masks(rng: Generator, batch: int, tokens: int) -> Iterator[tuple[str, np.ndarray]]:
    yield "all real", np.ones((batch, tokens), bool)
    yield "padded", np.arange(tokens) < rng.integers(1, tokens + 1, (batch, 1))
    yield "all padding but one", np.arange(tokens) == rng.integers(0, tokens, (batch, 1))


def _manhattan_score(rng: Generator) -> Iterator[tuple[str, dict[str, Any]]]:
    heads, batch = 2, 2
    for centring in CENTRINGS:
        for tokens, width, shift in ((1, 8, 0), (7, 8, 1), (8, 16, 2), (16, 32, 3)):
            for kind, mask in _masks(rng, batch, tokens):
                yield (
                    f"{centring}, {tokens} tokens, width {width}, shift {shift}, {kind}",
                    {
                        "q": _int8(rng, (batch, heads, tokens, width)),
                        "k": _int8(rng, (batch, heads, tokens, width)),
                        "mask": mask,
                        "shift": shift,
                        "delta": rng.integers(0, 64, heads).astype(np.int32),
                        "centring": centring,
                    },
                )
        near = rng.integers(-1, 2, (batch, heads, 8, 8)).astype(np.int8)
        for kind, q, k, delta in (
            ("extremes", _extremes(rng, near.shape), _extremes(rng, near.shape), [0, LARGEST_DELTA]),
            ("near keys", near, np.roll(near, 1, axis=-2), [0, 1]),
        ):
            yield (
                f"{centring}, {kind}",
                {
                    "q": q.astype(np.int8),
                    "k": k.astype(np.int8),
                    "mask": np.ones((batch, 8), bool),
                    "shift": 0,
                    "delta": np.array(delta, np.int32),
                    "centring": centring,
                },
            )


def _inhibit(rng: Generator) -> Iterator[tuple[str, dict[str, Any]]]:
    for signed in (True, False):
        for tokens, width, shift, bits in ((1, 8, 0, 8), (8, 8, 2, 8), (16, 32, 3, 8), (8, 16, 0, 16)):
            for kind, top in (("random", 128), ("near", 24), ("no inhibition", 1)):
                form = "signed" if signed else "unsigned"
                name = f"{form}, {tokens} tokens, width {width}, {bits} bits, {kind}"
                yield (
                    name,
                    {
                        "v": _int8(rng, (2, 2, tokens, width)),
                        "score": rng.integers(0, top, (2, 2, tokens, tokens)).astype(np.int8),
                        "shift": shift,
                        "signed": signed,
                        "bits": bits,
                    },
                )
        yield (
            f"{'signed' if signed else 'unsigned'}, extremes",
            {
                "v": _extremes(rng, (2, 2, 8, 8)).astype(np.int8),
                "score": rng.choice(np.array([0, 126, 127]), (2, 2, 8, 8)).astype(np.int8),
                "shift": 1,
                "signed": signed,
                "bits": 8,
            },
        )


def _residual_add(rng: Generator) -> Iterator[tuple[str, dict[str, Any]]]:
    for bits in (12, 15, 16):
        limit = ops.largest(bits)
        for shift in (0, 1, 5, 11):
            acc = np.concatenate([ties(shift), rng.integers(-(1 << 20), 1 << 20, 64)]).astype(np.int32)
            x = rng.integers(-limit, limit + 1, acc.shape)
            x[::3] = limit
            x[1::3] = -limit
            yield (
                f"{bits} bits, shift {shift}",
                {"x": x.astype(np.int16), "acc": acc, "shift": shift, "bits": bits},
            )


def _pool(rng: Generator) -> Iterator[tuple[str, dict[str, Any]]]:
    for tokens, width in ((1, 16), (8, 16), (64, 32)):
        for kind, mask in _masks(rng, 3, tokens):
            yield (
                f"{tokens} tokens, width {width}, {kind}",
                {"x": _int8(rng, (3, tokens, width)), "mask": mask},
            )
    yield "extremes", {"x": np.full((1, 64, 16), -127, np.int8), "mask": np.ones((1, 64), bool)}


def _classify(rng: Generator) -> Iterator[tuple[str, dict[str, Any]]]:
    for classes, width in ((2, 16), (5, 64), (1, 128)):
        yield (
            f"{classes} classes, width {width}",
            {
                "x": _int8(rng, (3, width)),
                "weight": _weights(rng, (classes, width), 127, 1.0),
                "bias": rng.integers(-1000, 1001, classes).astype(np.int32),
            },
        )


_GENERATORS: dict[str, Callable[[Generator], Iterator[tuple[str, dict[str, Any]]]]] = {
    "round_shift": _round_shift,
    "saturate": _saturate,
    "requantize": _requantize,
    "embed": _embed,
    "manhattan_norm": _manhattan_norm,
    "linear": _linear,
    "relu": _relu,
    "manhattan_score": _manhattan_score,
    "inhibit": _inhibit,
    "residual_add": _residual_add,
    "pool": _pool,
    "classify": _classify,
}


def cases(operator: str, seed: int = 0) -> list[Case]:
    """All cases of an operator; the same seed gives the same cases.

    Every case keeps intermediates below 2^24, so that the portable ONNX profile may run it.
    Raises HwsimError for an unknown operator.
    """
    if operator not in _GENERATORS:
        raise HwsimError(f"unknown operator {operator!r}; the operators are {', '.join(_GENERATORS)}")
    rng = np.random.default_rng(seed)
    return [Case(operator, name, arguments) for name, arguments in _GENERATORS[operator](rng)]
