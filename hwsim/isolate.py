"""One named tensor alone: the operators that compute it, on the inputs the emulator had."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from hwsim.cases import Case
from hwsim.config import ModelConfig
from hwsim.errors import HwsimError
from hwsim.implementations import Batch
from hwsim.model import split_heads
from hwsim.scales import scales
from hwsim.ticket import Linear


def check_name(config: ModelConfig, name: str) -> None:
    """Raises HwsimError listing the named tensors for an unknown name."""
    if name not in (known := scales(config)):
        raise HwsimError(f"no tensor {name!r}; the named tensors are {', '.join(known)}")


def tensor_cases(batch: Batch, name: str) -> list[Case]:
    """The calls that compute the named tensor, in order; the last returns it.

    Each has the emulator's own inputs, so a fault in one operator cannot reach the next.
    Raises HwsimError as `check_name`.
    """
    check_name(batch.ticket.config, name)
    if name.startswith("layers."):
        _, layer, part = name.split(".")
        return _in_layer(batch, int(layer), part, name)
    ticket, trace = batch.ticket, batch.expected
    last = f"layers.{len(ticket.layers) - 1}.ffn_out"
    tokens = batch.token_ids.shape[1]
    arguments: dict[str, tuple[str, dict[str, Any]]] = {
        "embed": (
            "embed",
            {
                "token": ticket.token_table[batch.token_ids],
                "position": ticket.position_table[:tokens],
                "shift": ticket.config.embed_shift,
                "bits": ticket.config.residual_bits,
            },
        ),
        "final_norm": ("manhattan_norm", {"x": trace[last]}),
        "pool": ("pool", {"x": trace["final_norm"], "mask": batch.mask}),
        "pool_norm": ("manhattan_norm", {"x": trace["pool"]}),
        "logits": (
            "classify",
            {"x": trace["pool_norm"], "weight": ticket.classify_weight, "bias": ticket.classify_bias},
        ),
    }
    operator, values = arguments[name]
    return [Case(operator, name, values)]


def run_chain(cases: list[Case], operator: Callable[[Case], np.ndarray]) -> np.ndarray:
    """The result of the last of `tensor_cases`, each operator fed with what the one before returned."""
    result = operator(cases[0])
    for case in cases[1:]:
        entry = "x" if case.operator == "relu" else "acc"
        result = operator(replace(case, arguments=case.arguments | {entry: result}))
    return result


def _in_layer(batch: Batch, index: int, part: str, name: str) -> list[Case]:
    config, layer = batch.ticket.config, batch.ticket.layers[index]
    before = batch.expected["embed" if index == 0 else f"layers.{index - 1}.ffn_out"]
    trace = {
        key.rsplit(".", 1)[-1]: value
        for key, value in batch.expected.items()
        if key.startswith(f"layers.{index}.")
    }
    if part in ("attn_norm", "inhibit_norm", "ffn_norm", "ffn_hidden_norm"):
        sources = {
            "attn_norm": before,
            "inhibit_norm": trace["inhibit"],
            "ffn_norm": trace["attn_out"],
            "ffn_hidden_norm": trace["ffn_hidden"],
        }
        return [Case("manhattan_norm", name, {"x": sources[part]})]
    if part == "score":
        q, k = (split_heads(trace[key], config.heads) for key in "qk")
        how = {"shift": layer.score_shift, "delta": layer.delta, "centring": config.centring}
        return [Case("manhattan_score", name, {"q": q, "k": k, "mask": batch.mask, **how})]
    if part == "inhibit":
        v, signed = split_heads(trace["v"], config.heads), config.inhibition == "signed"
        how = {"shift": layer.inhibit_shift, "signed": signed, "bits": config.inhibit_bits}
        return [Case("inhibit", name, {"v": v, "score": trace["score"], **how})]
    linear = layer.linears[part]
    if part in ("attn_out", "ffn_out"):
        inner = ("inhibit", "ffn_hidden")[part == "ffn_out"]
        x = trace.get(f"{inner}_norm", trace[inner])
        product = _linear(name, x, linear)
        residual = before if part == "attn_out" else trace["attn_out"]
        add = {"x": residual, "acc": product.expected(), "shift": linear.shift, "bits": config.residual_bits}
        return [product, Case("residual_add", name, add)]
    product = _linear(name, trace["ffn_norm" if part == "ffn_hidden" else "attn_norm"], linear)
    narrow = Case("requantize", name, {"acc": product.expected(), "shift": linear.shift, "bits": 8})
    if part == "ffn_hidden":
        return [product, narrow, Case("relu", name, {"x": narrow.expected()})]
    return [product, narrow]


def _linear(name: str, x: np.ndarray, linear: Linear) -> Case:
    return Case("linear", name, {"x": x, "weight": linear.weight, "bias": linear.bias})
