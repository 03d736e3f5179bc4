"""The whole model in one call: padding left out, threads over the sequences, no Python in between."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from hwsim.errors import UnsupportedError
from hwsim.native import index, kernels
from hwsim.native.layers import BLOCK, Packed, pack, sparse_pays
from hwsim.ops.manhattan_score import CENTRINGS, LARGEST_SCORE
from hwsim.ops.requantize import narrowest
from hwsim.ticket import Layer, Linear, Ticket

Trace = dict[str, np.ndarray]
ROWS_A_THREAD = 4
"""Fewer sequences are done before a thread has started."""


class Plan:
    """A ticket laid out for the kernels. Raises UnsupportedError if an accumulator may leave 32 bits."""

    def __init__(self, ticket: Ticket) -> None:
        config = ticket.config
        self.config, signed = config, config.inhibition == "signed"
        sizes = [config.vocabulary, config.max_tokens, config.width, config.heads, config.layers]
        sizes += [config.hidden, config.classes, config.residual_bits, config.inhibit_bits]
        sizes += [config.embed_shift, CENTRINGS.index(config.centring), signed, config.inner_norms]
        self.model = kernels().model(
            np.array(sizes, np.int32),
            np.ascontiguousarray(ticket.token_table),
            np.ascontiguousarray(ticket.position_table),
            pack(ticket.classify_weight, ticket.classify_bias).capsule,
            tuple(_layer(layer) for layer in ticket.layers),
        )

    def run(
        self, name: str, token_ids: np.ndarray, mask: np.ndarray, threads: int = 1, traced: Sequence[Any] = ()
    ) -> np.ndarray | None:
        """Logits int32 [batch, classes] by the kernels `name`; None if a norm reaches 2^24.

        token_ids: int32 [batch, n]; mask: bool [batch, n], both checked. Threads share the batch out and
        hold no lock while they compute. traced: one thread's named tensors, see `trace`.
        """
        batch, n = token_ids.shape
        ids, real = np.ascontiguousarray(token_ids, np.int32), np.ascontiguousarray(mask, np.int8)
        logits = np.empty((batch, self.config.classes), np.int32)

        def part(rows: slice) -> bool:
            given = ids[rows], real[rows]
            return kernels().forward(
                index(name), self.model, *given, len(given[0]), n, logits[rows], tuple(traced)
            )

        workers = max(1, min(threads, batch // ROWS_A_THREAD))
        if workers == 1:
            return logits if part(slice(None)) else None
        bounds = np.linspace(0, batch, workers + 1).astype(int)
        with ThreadPoolExecutor(workers) as pool:
            good = list(pool.map(part, map(slice, bounds[:-1], bounds[1:])))
        return logits if all(good) else None

    def trace(self, name: str, token_ids: np.ndarray, mask: np.ndarray) -> Trace:
        """Every named tensor by the kernels `name`, at real positions; padding holds zeros, scores 127.

        Raises UnsupportedError if a norm reaches 2^24.
        """
        named = _shapes(self.config, *token_ids.shape)
        logits = self.run(name, token_ids, mask, traced=list(named.values()))
        if logits is None:
            raise UnsupportedError("a row's Manhattan norm reaches 2^24")
        stream = narrowest(self.config.residual_bits)
        wide = ("embed", "attn_out", "ffn_out")
        found = {key: x.astype(stream) if key.endswith(wide) else x for key, x in named.items()}
        return found | {"logits": logits}


def _layer(layer: Layer) -> tuple[Any, ...]:
    linears = layer.linears
    out = [_pack(linears[name]).capsule for name in ("attn_out", "ffn_hidden")]
    out.append(_pack(linears["ffn_out"], least=0).capsule)  # what a ReLU gives
    delta = np.ascontiguousarray(layer.delta, np.int32)
    return (_together(layer).capsule, *out, delta, layer.score_shift, layer.inhibit_shift)


def _pack(linear: Linear, least: int = -127) -> Packed:
    return pack(linear.weight, linear.bias, linear.shift, least=least)


def _together(layer: Layer) -> Packed:
    """Queries, keys and values as one linear layer: they read the same input."""
    parts = [layer.linears[name] for name in "qkv"]
    weight = np.concatenate([part.weight for part in parts])
    blocks = len(parts[0].weight) // BLOCK
    shifts = np.repeat(np.array([part.shift for part in parts], np.uint8), blocks)
    bias = np.concatenate([part.bias for part in parts])
    return Packed(weight, bias, shifts, sparse_pays(weight, bias))


def _shapes(config: Any, batch: int, n: int) -> Trace:
    """Empty named tensors but the logits, in the order in which the model computes them."""

    def rows(width: int, kind: type[np.signedinteger] = np.int8) -> np.ndarray:
        return np.zeros((batch, n, width), kind)

    width, hidden = config.width, config.hidden
    named = {"embed": rows(width, np.int16)}
    for i in range(config.layers):
        block = {name: rows(width) for name in ("attn_norm", "q", "k", "v")}
        block["score"] = np.full((batch, config.heads, n, n), LARGEST_SCORE, np.int8)
        block["inhibit"] = rows(width, narrowest(config.inhibit_bits))
        if config.inner_norms:
            block["inhibit_norm"] = rows(width)
        block |= {"attn_out": rows(width, np.int16), "ffn_norm": rows(width), "ffn_hidden": rows(hidden)}
        if config.inner_norms:
            block["ffn_hidden_norm"] = rows(hidden)
        block["ffn_out"] = rows(width, np.int16)
        named |= {f"layers.{i}.{name}": tensor for name, tensor in block.items()}
    named["final_norm"] = rows(width)
    return named | {
        "pool": np.zeros((batch, width), np.int32),
        "pool_norm": np.zeros((batch, width), np.int8),
    }


_plans: dict[int, Plan] = {}


def plan(ticket: Ticket) -> Plan:
    """The plan of a ticket, made once; from then on its arrays are read-only: no change would be seen.

    Raises UnsupportedError if an accumulator may leave 32 bits.
    """
    key = id(ticket)
    if key not in _plans:
        made = Plan(ticket)
        for array in ticket.tensors().values():
            array.flags.writeable = False
        _plans[key] = made
        weakref.finalize(ticket, _plans.pop, key, None)
    return _plans[key]
