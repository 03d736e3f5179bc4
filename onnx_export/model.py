"""Attention head, encoder block and whole model as plain-integer ONNX, composed as in `hwsim.model`."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import onnx

import hwsim
from hwsim import ranges
from hwsim.errors import HwsimError
from hwsim.files import write_atomic
from hwsim.onnx_export import ops, profiles
from hwsim.onnx_export.builder import Builder
from hwsim.onnx_export.ort_format import to_ort
from hwsim.onnx_export.profiles import Profile
from hwsim.ops import Rounding
from hwsim.scales import scales
from hwsim.ticket import Linear, Ticket

FORMAT_VERSION = "2"


class _Exporter:
    """One graph in the making; `named` collects the named tensors in running order."""

    def __init__(self, ticket: Ticket, profile: Profile, distance: str | None) -> None:
        self.ticket, self.config, self.b = ticket, ticket.config, Builder(profile, distance)
        self.named: list[str] = []

    def name(self, value: str, name: str) -> str:
        self.named.append(name)
        return self.b.named(value, name)

    def norm(self, x: str, name: str, scope: str, width: int) -> str:
        with self.b.scope(scope):
            return self.name(ops.manhattan_norm(self.b, x, width), name)

    def project(self, x: str, linear: Linear) -> str:
        return ops.requantize(self.b, ops.linear(self.b, x, linear.weight, linear.bias), linear.shift)

    def residual(self, x: str, y: str, linear: Linear) -> str:
        acc = ops.linear(self.b, y, linear.weight, linear.bias)
        return ops.residual_add(self.b, x, acc, linear.shift, self.config.residual_bits)

    def split_heads(self, x: str) -> str:
        """[b, n, d] -> [b, h, n, dh]; a 0 in Reshape keeps the axis."""
        shape = np.array([0, 0, self.config.heads, self.config.head_width], np.int64)
        return self.b.op("Transpose", self.b.op("Reshape", x, shape), perm=[0, 2, 1, 3])

    def merge_heads(self, x: str) -> str:
        """[b, h, n, dh] -> [b, n, d]."""
        shape = np.array([0, 0, self.config.width], np.int64)
        return self.b.op("Reshape", self.b.op("Transpose", x, perm=[0, 2, 1, 3]), shape)

    def inhibitor_head(self, q: str, k: str, v: str, mask: str, layer: int, prefix: str) -> str:
        """All heads of one layer: [b, h, n, dh]; names the score on the way."""
        config, block = self.config, self.ticket.layers[layer]
        size = {"tokens": config.max_tokens, "width": config.head_width}
        with self.b.scope("score"):
            score = ops.manhattan_score(
                self.b, q, k, mask, block.score_shift, block.delta, config.centring, **size
            )
            self.name(score, f"{prefix}score")
        with self.b.scope("inhibit"):
            signed = config.inhibition == "signed"
            return ops.inhibit(
                self.b, v, f"{prefix}score", block.inhibit_shift, signed, config.inhibit_bits, **size
            )

    def encoder_block(self, x: str, mask: str, layer: int, prefix: str) -> str:
        """One pre-norm block on the residual stream x [b, n, d]."""
        b, config, linears = self.b, self.config, self.ticket.layers[layer].linears
        with b.scope("attn"):
            a = self.norm(x, f"{prefix}attn_norm", "norm", config.width)
            heads = {}
            for part in "qkv":
                with b.scope(part):
                    projected = self.name(self.project(a, linears[part]), f"{prefix}{part}")
                    heads[part] = self.split_heads(projected)
            g = self.inhibitor_head(heads["q"], heads["k"], heads["v"], mask, layer, prefix)
            g = self.name(self.merge_heads(g), f"{prefix}inhibit")
            if config.inner_norms:
                g = self.norm(g, f"{prefix}inhibit_norm", "inner_norm", config.width)
            with b.scope("out"):
                x = self.name(self.residual(x, g, linears["attn_out"]), f"{prefix}attn_out")
        with b.scope("ffn"):
            a = self.norm(x, f"{prefix}ffn_norm", "norm", config.width)
            with b.scope("hidden"):
                u = self.name(ops.relu(b, self.project(a, linears["ffn_hidden"])), f"{prefix}ffn_hidden")
            if config.inner_norms:
                u = self.norm(u, f"{prefix}ffn_hidden_norm", "inner_norm", config.hidden)
            with b.scope("out"):
                return self.name(self.residual(x, u, linears["ffn_out"]), f"{prefix}ffn_out")

    def embed(self, token_ids: str, mask: str) -> str:
        """Rows of both tables, added; positions count the tokens, padding included: 0, 1, 2, ..."""
        b, ticket, config = self.b, self.ticket, self.config
        with b.scope("embed"):
            rows = b.take(b.constant(ticket.token_table, "token"), token_ids)
            token = b.op("Cast", rows, to=onnx.TensorProto.INT32)
            ones = b.op("Max", mask, 1)
            positions = b.op("CumSum", ones, np.array(1, np.int32), exclusive=1)
            position = b.take(b.int32(ticket.position_table, "position"), positions)
            return self.name(ops.embed(b, token, position, config.embed_shift, config.residual_bits), "embed")

    def model(self) -> None:
        """From token ids to logits."""
        b, config = self.b, self.config
        token_ids = b.input("token_ids", ("batch", "seq"))
        mask = b.input("mask", ("batch", "seq"))
        x = self.embed(token_ids, mask)
        for i in range(config.layers):
            with b.scope(f"layers.{i}"):
                x = self.encoder_block(x, mask, i, f"layers.{i}.")
        final = self.norm(x, "final_norm", "final_norm", config.width)
        with b.scope("pool"):
            pooled = self.name(ops.pool(b, final, mask), "pool")
        c = self.norm(pooled, "pool_norm", "pool_norm", config.width)
        with b.scope("classify"):
            self.name(ops.classify(b, c, self.ticket.classify_weight, self.ticket.classify_bias), "logits")

    def finish(self, part: str, outputs: list[str], prefix: str = "") -> onnx.ModelProto:
        """The checked model; `prefix` is what the named tensors of a part are called in the whole model."""
        tensor_scales = scales(self.config)
        metadata = {
            "producer": f"hwsim {hwsim.__version__}",
            "format": "hwsim-onnx",
            "format_version": FORMAT_VERSION,
            "profile": self.b.profile.name,
            "distance": self.b.distance,
            "part": part,
            "rounding": Rounding.HALF_UP.value,
            "scales": json.dumps({name: tensor_scales[prefix + name] for name in self.named}),
            "config": self.config.to_json(),
            "labels": json.dumps(self.ticket.labels),
            "ticket": self.ticket.digest(),
        }
        return self.b.model(f"hwsim {part}", outputs, metadata)


def export_model(
    ticket: Ticket, trace: bool = False, profile: str = "portable", distance: str | None = None
) -> onnx.ModelProto:
    """The whole model.

    Inputs token_ids and mask (0/1), int32 [batch, seq]; output logits int32 [batch, classes], after every
    other named tensor if `trace`. profile: a name of `profiles.PROFILES`; distance: one of the profile's
    forms of score and inhibition, default its first. Raises RangeError if an intermediate is not proved to
    stay within the profile's range, UnsupportedError for a form that the profile does not offer.
    """
    chosen = profiles.find(profile)
    ranges.require(ticket, chosen.proof)
    exporter = _Exporter(ticket, chosen, distance)
    exporter.model()
    return exporter.finish("model", exporter.named if trace else ["logits"])


def export_block(
    ticket: Ticket,
    layer: int = 0,
    trace: bool = False,
    profile: str = "portable",
    distance: str | None = None,
) -> onnx.ModelProto:
    """One encoder block alone.

    Inputs x int32 [batch, seq, width] within `residual_bits` bits and mask (0/1) int32 [batch, seq]; output
    ffn_out like x, after the block's other named tensors if `trace`. Otherwise as `export_model`.
    """
    chosen = profiles.find(profile)
    _check_layer(ticket, layer)
    ranges.refuse_excess(ranges.prove_block(ticket, layer), chosen.proof)
    exporter = _Exporter(ticket, chosen, distance)
    x = exporter.b.input("x", ("batch", "seq", ticket.config.width))
    mask = exporter.b.input("mask", ("batch", "seq"))
    exporter.encoder_block(x, mask, layer, "")
    return exporter.finish("block", exporter.named if trace else ["ffn_out"], f"layers.{layer}.")


def export_head(
    ticket: Ticket, layer: int = 0, profile: str = "portable", distance: str | None = None
) -> onnx.ModelProto:
    """The attention heads of one layer alone, without the projections.

    Inputs q, k, v int32 [batch, heads, seq, dh] within +-127 and mask (0/1) int32 [batch, seq]; outputs
    score [batch, heads, seq, seq] and inhibit [batch, heads, seq, dh], int32. Otherwise as `export_model`.
    """
    chosen = profiles.find(profile)
    _check_layer(ticket, layer)
    ranges.refuse_excess(ranges.prove_head(ticket, layer), chosen.proof)
    exporter, config = _Exporter(ticket, chosen, distance), ticket.config
    shape = ("batch", config.heads, "seq", config.head_width)
    q, k, v = (exporter.b.input(name, shape) for name in "qkv")
    mask = exporter.b.input("mask", ("batch", "seq"))
    exporter.name(exporter.inhibitor_head(q, k, v, mask, layer, ""), "inhibit")
    return exporter.finish("head", exporter.named, f"layers.{layer}.")


def _check_layer(ticket: Ticket, layer: int) -> None:
    if not 0 <= layer < ticket.config.layers:
        raise HwsimError(f"layer is {layer}; the ticket has layers 0..{ticket.config.layers - 1}")


def serialize(model: onnx.ModelProto, path: str | os.PathLike[str]) -> bytes:
    """The content of a file of this name: ONNX, or onnxruntime's format if the name ends in .ort."""
    return to_ort(model) if Path(path).suffix == ".ort" else model.SerializeToString(deterministic=True)


def save_model(model: onnx.ModelProto, path: str | os.PathLike[str]) -> Path:
    """Write the .onnx or .ort file whole or not at all."""
    return write_atomic(path, serialize(model, path))
