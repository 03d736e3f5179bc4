"""One attention head against every other way to attend on a CPU."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from hwsim import native
from hwsim.models.bench import graphs
from hwsim.models.bench.timing import OURS, Contenders, Effort, alternate, compare, summary
from hwsim.native.layers import NOTHING

OPPONENT = "int8_dot_product"
"""Our own dot-product attention with softmax, tuned like the inhibitor."""


def inhibitor(q: np.ndarray, k: np.ndarray, v: np.ndarray, name: str, parts: str = "both") -> Any:
    """A call of our kernels on int8 [n, dh]; parts: "score", "inhibit" or "both"."""
    n, dh = q.shape
    out, score = np.empty((n, dh), np.int8), np.full((n, n), 9, np.int8)
    mask, delta = np.ones(n, np.int8), np.zeros(1, np.int32)
    given, kept, wanted = {
        "both": ((q, k, v, mask), NOTHING, out),
        "score": ((q, k, NOTHING, mask), score, NOTHING),
        "inhibit": ((NOTHING, NOTHING, v, NOTHING), score, out),
    }[parts]
    shift = int(np.log2(dh)) - 2
    sizes = (1, 1, n, dh, shift, 5, 0, True, 8)
    return functools.partial(native.kernels().heads, native.index(name), *given, delta, kept, wanted, *sizes)


def in_numpy(q: np.ndarray, k: np.ndarray, v: np.ndarray) -> np.ndarray:
    """float32 attention by BLAS."""
    scores = q @ k.T * np.float32(q.shape[1] ** -0.5)
    np.exp(scores - scores.max(axis=1, keepdims=True), out=scores)
    return scores @ v / scores.sum(axis=1, keepdims=True)


def opponent(q: np.ndarray, k: np.ndarray, v: np.ndarray) -> Any:
    """A call of the int8 dot-product kernels on int8 [n, dh]."""
    out, scale = np.empty_like(q), float(np.log2(np.e) * q.shape[1] ** -0.5 / 900)
    return functools.partial(native.kernels().dot_product, q, k, v, out, 1, *q.shape, scale)


def contenders(n: int, dh: int, name: str, seed: int = 0) -> Contenders:
    """Calls by name, the same random int8 head for all of them."""
    rng = np.random.default_rng(seed)
    q, k, v = (rng.integers(-127, 128, (n, dh)).astype(np.int8) for _ in "qkv")
    real = [(x / 30).astype(np.float32) for x in (q, k, v)]
    tensors: Any = [torch.from_numpy(x)[None, None] for x in real]
    halves: Any = [x.bfloat16() for x in tensors]
    unsigned = {name: (x.view(np.uint8) ^ 128) for name, x in zip("qkv", (q, k, v), strict=True)}
    found: Contenders = {
        OURS: inhibitor(q, k, v, name),
        "torch_sdpa_float32": functools.partial(functional.scaled_dot_product_attention, *tensors),
        "torch_sdpa_bfloat16": functools.partial(functional.scaled_dot_product_attention, *halves),
        "onnxruntime_float32": graphs.run(graphs.float_head(n, dh), dict(zip("qkv", real, strict=True))),
        "onnxruntime_int8": graphs.run(graphs.integer_head(n, dh), unsigned),
        "numpy_float32": functools.partial(in_numpy, *real),
    }
    if name == "avx2":
        found[OPPONENT] = opponent(q, k, v)
    return found


def measure(n: int, dh: int, name: str, effort: Effort) -> dict[str, Any]:
    """One row: times, ratios, and the time of score and inhibition alone."""
    with torch.inference_mode():
        row = {"n": n, "head_width": dh, **compare(contenders(n, dh, name), effort)}
    rng = np.random.default_rng(1)
    q, k, v = (rng.integers(-127, 128, (n, dh)).astype(np.int8) for _ in "qkv")
    alone = {part: inhibitor(q, k, v, name, part) for part in ("score", "inhibit")}
    row["parts"] = {part: summary(times) for part, times in alternate(alone, effort).items()}
    return row


def ceilings(effort: Effort, rounds: int = 20000) -> dict[str, float]:
    """Elements a second that the kernels' instructions reach on registers alone (the best of all turns)."""
    calls = {
        part: functools.partial(native.kernels().registers, i, rounds)
        for i, part in enumerate(("score", "inhibit"))
    }
    best = {part: min(times) for part, times in alternate(calls, effort).items()}
    return {part: rounds * 8 * 32 / (1e-6 * microseconds) for part, microseconds in best.items()}


def share_of_ceiling(row: dict[str, Any], ceiling: dict[str, float]) -> float:
    """The time in which the head's elements would pass at the ceilings / the head's best time."""
    elements = row["n"] ** 2 * row["head_width"]
    least = 1e6 * sum(elements / rate for rate in ceiling.values())
    return least / row["microseconds"][OURS]["best"]
