"""The integer Inhibitor Transformer as a trainable module, and the emulator's twin on any device."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from hwsim import model as emulator
from hwsim.config import ModelConfig
from hwsim.errors import ConfigError
from hwsim.model import Trace, check_inputs
from hwsim.models import ops
from hwsim.models.kernels import inhibitor_attention
from hwsim.models.layers import UNIT, IntegerClassifier, IntegerLinear, IntegerTable, LearnedShift, whole
from hwsim.models.operators import to_array
from hwsim.ops.manhattan_score import LARGEST_DELTA
from hwsim.ticket import LINEARS, Layer, Ticket, linear_shape

Tensors = dict[str, Tensor]


def split_heads(x: Tensor, heads: int) -> Tensor:
    """[..., n, d] -> [..., heads, n, d / heads]."""
    return x.unflatten(-1, (heads, -1)).transpose(-2, -3)


class EncoderBlock(nn.Module):
    """One pre-norm block (golden: `hwsim.model.encoder_block`)."""

    q: IntegerLinear
    k: IntegerLinear
    v: IntegerLinear
    attn_out: IntegerLinear
    ffn_hidden: IntegerLinear
    ffn_out: IntegerLinear

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        for name in LINEARS:
            outputs, inputs = linear_shape(config, name)
            up = config.embed_shift if name.endswith("_out") else 0
            setattr(self, name, IntegerLinear(inputs, outputs, config.weights, up))
        self.score_shift = LearnedShift(config.head_width.bit_length() - 3)
        self.inhibit_shift = LearnedShift(3)
        start = 0.0 if config.centring != "none" else 64.0
        self.delta = nn.Parameter(torch.full((config.heads,), start))

    def linears(self) -> Iterator[tuple[str, IntegerLinear]]:
        """The block's linear layers by name, in running order."""
        return ((name, getattr(self, name)) for name in LINEARS)

    def whole_delta(self) -> Tensor:
        """delta as whole numbers [heads]."""
        return whole(self.delta, LARGEST_DELTA)

    def forward(self, x: Tensor, mask: Tensor, trace: Tensors, keep_score: bool = True) -> Tensor:
        """x [batch, n, d] -> x; fills `trace` with the named tensors, `score` only if it is to be kept."""
        config = self.config
        trace["attn_norm"] = a = ops.manhattan_norm(x)
        for name in "qkv":
            trace[name] = ops.requantize(*getattr(self, name)(a))
        q, k, v = (split_heads(trace[name], config.heads) for name in "qkv")
        g = self.attend(q, k, v, mask, trace, keep_score)
        trace["inhibit"] = g = g.transpose(-2, -3).flatten(-2)
        if config.inner_norms:
            trace["inhibit_norm"] = g = ops.manhattan_norm(g)
        trace["attn_out"] = x = ops.residual_add(x, *self.attn_out(g), config.residual_bits)
        trace["ffn_norm"] = a = ops.manhattan_norm(x)
        trace["ffn_hidden"] = u = ops.relu(ops.requantize(*self.ffn_hidden(a)))
        if config.inner_norms:
            trace["ffn_hidden_norm"] = u = ops.manhattan_norm(u)
        trace["ffn_out"] = x = ops.residual_add(x, *self.ffn_out(u), config.residual_bits)
        return x

    def attend(
        self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor, trace: Tensors, keep_score: bool
    ) -> Tensor:
        """Attention of all heads, q, k, v [batch, h, n, dh] -> [batch, h, n, dh]; see `forward`."""
        config = self.config
        signed = config.inhibition == "signed"
        score = self.score_shift(), self.whole_delta(), config.centring
        if not keep_score:
            total = inhibitor_attention(q, k, v, mask, *score, signed)
            return ops.requantize(total, self.inhibit_shift(), config.inhibit_bits)
        trace["score"] = z = ops.manhattan_score(q, k, mask, *score)
        return ops.inhibit(v, z, self.inhibit_shift(), signed, config.inhibit_bits)


class InhibitorTransformer(nn.Module):
    """Trains the integer model itself: each forward pass computes the ticket's integers exactly."""

    block = EncoderBlock

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.token = IntegerTable(config.vocabulary, config.width)
        self.position = IntegerTable(config.max_tokens, config.width)
        self.blocks = nn.ModuleList(self.block(config) for _ in range(config.layers))
        self.classifier = IntegerClassifier(config.width, config.classes)

    def encoder_blocks(self) -> list[EncoderBlock]:
        """The blocks, typed."""
        return cast(list[EncoderBlock], list(self.blocks))

    def encoder(self) -> Iterator[tuple[str, IntegerLinear]]:
        """The encoder's linear layers by their ticket names."""
        for i, block in enumerate(self.encoder_blocks()):
            yield from ((f"layers.{i}.{name}", linear) for name, linear in block.linears())

    def forward(self, token_ids: Tensor, mask: Tensor, trace: Tensors | None = None) -> Tensor:
        """Integer logits [batch, classes] as float; token_ids int [batch, n], mask bool [batch, n]."""
        named: Tensors = {} if trace is None else trace
        named["logits"] = logits = self.classifier(self.pooled(token_ids, mask, trace))
        return logits

    def pooled(
        self, token_ids: Tensor, mask: Tensor, trace: Tensors | None = None, keep_score: bool = True
    ) -> Tensor:
        """What the classifier sees of each sequence, int8 values [batch, width]; its scale is 2^-5.

        keep_score: whether the trace holds scores, for which attention is computed in two halves.
        """
        config = self.config
        named: Tensors = {} if trace is None else trace
        position = self.position(torch.arange(token_ids.shape[-1], device=token_ids.device))
        x = ops.embed(self.token(token_ids), position, config.embed_shift, config.residual_bits)
        named["embed"] = x
        for i, block in enumerate(self.encoder_blocks()):
            inner: Tensors = {}
            x = block(x, mask, inner, keep_score=keep_score and trace is not None)
            if trace is not None:
                named |= {f"layers.{i}.{name}": tensor for name, tensor in inner.items()}
        named["final_norm"] = final = ops.manhattan_norm(x)
        named["pool"] = pooled = self.pool(final, mask)
        named["pool_norm"] = pool_norm = ops.manhattan_norm(pooled)
        return pool_norm

    def pool(self, x: Tensor, mask: Tensor) -> Tensor:
        """Sequences [batch, n, d] as one vector each [batch, d]."""
        return ops.pool(x, mask)

    @staticmethod
    def golden(ticket: Ticket, token_ids: np.ndarray, mask: np.ndarray) -> Trace:
        """What NumPy computes from the module's ticket, every named tensor."""
        return emulator.forward(ticket, token_ids, mask, trace=True).trace

    @torch.no_grad()
    def to_ticket(self, **extras: Any) -> Ticket:
        """The integer model as a ticket; `extras` are its labels, tokenizer, provenance and metrics."""

        def integers(x: Tensor, kind: str) -> np.ndarray:
            return x.cpu().numpy().astype(kind)

        layers = tuple(
            Layer(
                {name: linear.export() for name, linear in block.linears()},
                integers(block.whole_delta(), "int32"),
                int(block.score_shift()),
                int(block.inhibit_shift()),
            )
            for block in self.encoder_blocks()
        )
        weight, bias = self.classifier.integers()
        tables = integers(self.token.integers(), "int8"), integers(self.position.integers(), "int8")
        return Ticket(
            self.config, *tables, layers, integers(weight, "int8"), integers(bias, "int32"), **extras
        )

    @classmethod
    @torch.no_grad()
    def from_ticket(cls, ticket: Ticket) -> InhibitorTransformer:
        """A module whose forward pass computes the ticket's integers; trainable from there."""
        model = cls(ticket.config)
        model.token.latent.copy_(torch.tensor(ticket.token_table) / UNIT)
        model.position.latent.copy_(torch.tensor(ticket.position_table) / UNIT)
        for block, layer in zip(model.encoder_blocks(), ticket.layers, strict=True):
            for name, linear in block.linears():
                linear.load(layer.linears[name])
            block.delta.copy_(torch.tensor(layer.delta))
            block.score_shift.value.fill_(layer.score_shift)
            block.inhibit_shift.value.fill_(layer.inhibit_shift)
        unit = model.classifier.WEIGHT_UNIT
        model.classifier.latent.copy_(torch.tensor(ticket.classify_weight) / unit)
        model.classifier.bias.copy_(torch.tensor(ticket.classify_bias).double() / (unit * UNIT))
        return model.eval()

    @torch.no_grad()
    def begin_with(self, ticket: Ticket) -> None:
        """Start from a ticket's values; its grid of weights may be another one, as int8 before ternary.

        Raises ConfigError where another size differs.
        """
        for name, found in dataclasses.asdict(ticket.config).items():
            if name != "weights" and found != (asked := getattr(self.config, name)):
                raise ConfigError(f"training.start: the ticket's {name} is {found}, the model's is {asked}")
        self.load_state_dict(self.from_ticket(ticket).state_dict())
        for _, linear in self.encoder():
            linear.mask.fill_(True)
            if ticket.config.weights != self.config.weights:
                linear.fit_shift()


@torch.no_grad()
def emulate(
    ticket: Ticket, token_ids: np.ndarray, mask: np.ndarray | None = None, device: str = "cpu"
) -> Trace:
    """Every named tensor of the integer model computed by PyTorch, as integer arrays.

    Same inputs and errors as `hwsim.forward`.
    """
    token_ids, mask = check_inputs(ticket, token_ids, mask)
    model = InhibitorTransformer.from_ticket(ticket).to(device)
    trace: Tensors = {}
    model(torch.from_numpy(token_ids).to(device), torch.from_numpy(mask).to(device), trace)
    return {name: to_array(tensor) for name, tensor in trace.items()}
