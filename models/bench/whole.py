"""The whole ticket against float and quantised twins, its split by operator, and a data set on one core."""

from __future__ import annotations

import functools
import os
import time
from typing import Any

import numpy as np

from hwsim import backend, data, evaluate
from hwsim.make import random_ticket
from hwsim.models.bench import graphs, heads
from hwsim.models.bench.timing import OURS, Effort, alternate, compare, summary
from hwsim.native import index, kernels
from hwsim.native.layers import NARROW, NOTHING, pack
from hwsim.native.model import Plan
from hwsim.ticket import LINEARS, Ticket, linear_shape
from hwsim.tokens import encode


def inference(ticket: Ticket, n: int, name: str) -> Any:
    """A call of the emulator on one sequence of n tokens."""
    rng = np.random.default_rng(n)
    ids = rng.integers(0, ticket.config.vocabulary, (1, n)).astype(np.int32)
    return functools.partial(Plan(ticket).run, name, ids, np.ones((1, n), bool))


def twins(ticket: Ticket, n: int) -> dict[str, Any]:
    """onnxruntime on the ticket's dot-product twin: float32, and dynamically quantised in two ways."""
    made = graphs.twin(ticket.config)
    ids = {"token_ids": np.random.default_rng(n).integers(0, ticket.config.vocabulary, (1, n))}
    return {
        "onnxruntime_float32": graphs.run(made, ids),
        "onnxruntime_dynamic_int8": graphs.run(graphs.quantised(made, unsigned=False), ids),
        "onnxruntime_dynamic_uint8": graphs.run(graphs.quantised(made, unsigned=True), ids),
    }


def measure(ticket: Ticket, n: int, name: str, effort: Effort) -> dict[str, Any]:
    """One row: the emulator's inference and its twins'."""
    row = compare({OURS: inference(ticket, n, name), **twins(ticket, n)}, effort)
    return {"n": n, **row, "operators": operators(ticket, n, name, effort)}


def operators(ticket: Ticket, n: int, name: str, effort: Effort) -> dict[str, Any]:
    """Microseconds of a model's operators of each kind, run alone, and of dot-product attention instead.

    Each call comes from Python, which adds about a microsecond; the embedding and the end are left out.
    """
    config, rng = ticket.config, np.random.default_rng(n)
    calls: dict[str, Any] = {}
    layer = ticket.layers[0]
    for linear in LINEARS:
        outputs, inputs = linear_shape(config, linear)
        one = layer.linears[linear]
        least = 0 if linear == "ffn_out" else -127
        packed = pack(one.weight, one.bias, one.shift, least=least)
        x, out = rng.integers(least, 128, (n, inputs)).astype(np.int8), np.empty((n, outputs), np.int8)
        arguments = (index(name), packed.capsule, x, n, out, NARROW, NOTHING, 8, False)
        calls[linear] = functools.partial(kernels().linear, *arguments)
    stream = rng.integers(-20000, 20000, (n, config.width)).astype(np.int16)
    normed = np.empty(stream.shape, np.int8)
    calls["norm"] = functools.partial(kernels().norm, index(name), stream, 2, normed, n, config.width)
    shape = n, config.head_width
    q, k, v = (rng.integers(-127, 128, shape).astype(np.int8) for _ in "qkv")
    calls["attention"] = heads.inhibitor(q, k, v, name)
    if name == "avx2":
        calls["dot_product_attention"] = heads.opponent(q, k, v)
    each = {part: summary(times)["median"] for part, times in alternate(calls, effort).items()}
    count = config.layers
    found = {
        "linears": count * sum(each[linear] for linear in LINEARS),
        "norms": (2 * count + 1) * each["norm"],
    }
    for part in ("attention", "dot_product_attention"):
        if part in each:
            found[part] = count * config.heads * each[part]
    return found


def by_density(
    ticket: Ticket, n: int, name: str, densities: tuple[float, ...], effort: Effort
) -> list[dict[str, Any]]:
    """Inference of random ternary tickets of the same shape, sparse and dense form as the package chooses."""
    calls = {
        str(density): inference(random_ticket(ticket.config, density=1.5 * density), n, name)
        for density in densities
    }
    # Two thirds of random ternary weights are not zero to begin with.
    times = alternate(calls, effort)
    return [{"n": n, "density": d, "microseconds": summary(times[str(d)])} for d in densities]


def data_set(ticket: Ticket, task: str, split: str, name: str) -> dict[str, Any]:
    """Seconds for all texts of a split on one thread: cutting them into tokens, and the emulator.

    Says why there are none where HWSIM_DATA is not set; raises HwsimError if its folder lacks the data set.
    """
    if not os.environ.get("HWSIM_DATA"):
        return {
            "task": task,
            "split": split,
            "missing": "not measured: HWSIM_DATA names no folder of data sets",
        }
    examples = data.load(task, split)
    start = time.perf_counter()
    encoded = encode(ticket, [example.text for example in examples])
    ready = time.perf_counter()
    found: dict[str, Any] = {
        "task": task,
        "split": split,
        "n": len(examples),
        "tokens_seconds": ready - start,
    }
    for which in (name, backend.NUMPY):
        with backend.using(which):
            start = time.perf_counter()
            logits = evaluate.logits(ticket, encoded)
            found[f"{which}_seconds"] = time.perf_counter() - start
    labels = np.array([example.label for example in examples])
    return found | {"accuracy": evaluate.accuracy(logits.argmax(axis=1), labels)}
