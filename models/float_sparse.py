"""The float model as a place for tickets: shape, names and first weights of the integer one, real arithmetic.

`hwsim.models.float_model` is the yardstick of a run; this one is its like with a mask on every linear layer,
made from an integer model so that both begin with the same numbers. Its parts also take tensors with a
leading axis of runs, as `hwsim.models.stacked` makes them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TypeAlias, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from hwsim.config import ModelConfig
from hwsim.models.float_model import dot_product
from hwsim.models.kernels import inhibitor_attention
from hwsim.models.model import InhibitorTransformer, split_heads
from hwsim.ticket import LINEARS, linear_shape


class MaskedLinear(nn.Module):
    """x W + b with W = latent under a mask; the names are those of `IntegerLinear`."""

    mask: Tensor

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.latent = nn.Parameter(torch.zeros(outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.register_buffer("mask", torch.ones(outputs, inputs, dtype=torch.bool))

    def forward(self, x: Tensor) -> Tensor:
        """x [batch, n, inputs]; or [runs, batch, n, inputs] for weights [runs, outputs, inputs]."""
        flat = x.flatten(-3, -2)
        return (flat @ (self.latent * self.mask).mT + self.bias).unflatten(-2, x.shape[-3:-1])


class Norm(nn.Module):
    """Layer normalisation of the last axis."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        """x [batch, n, width], or [runs, batch, n, width] for weights [runs, 1, width]."""
        weight, bias = (p[:, None] if p.ndim == 3 else p for p in (self.weight, self.bias))
        return functional.layer_norm(x, x.shape[-1:]) * weight + bias


class Table(nn.Module):
    """Rows of real numbers."""

    def __init__(self, rows: int, width: int) -> None:
        super().__init__()
        self.latent = nn.Parameter(torch.zeros(rows, width))

    def rows(self, index: Tensor) -> Tensor:
        """index [..., batch, n]; of a table [runs, rows, width] each run's index takes its own rows."""
        table: Tensor = self.latent
        if table.ndim == 3:
            runs, rows, _ = table.shape
            index = index + torch.arange(0, runs * rows, rows, device=index.device)[:, None, None]
            table = table.flatten(0, 1)
        return functional.embedding(index, table)

    def first(self, count: int) -> Tensor:
        """The first rows, to be added to [..., batch, count, width]."""
        return self.latent[..., None, :count, :]


class Inhibitor(nn.Module):
    """Inhibitor attention with learned scales and shift per head; it starts as the yardstick's does."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.centring, self.signed = config.centring, config.inhibition == "signed"
        size = config.head_width
        self.gamma = nn.Parameter(torch.full((config.heads,), -0.5 * math.log2(size)))
        start = 0.0 if config.centring != "none" else 0.5 * size**0.5
        self.delta = nn.Parameter(torch.full((config.heads,), start))
        self.eta = nn.Parameter(torch.full((config.heads,), -3.0))

    def forward(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
        """[..., h, n, dh] each; mask [..., n]."""
        scale, out = (torch.exp2(p)[..., None, None] for p in (self.gamma, self.eta))
        h = inhibitor_attention(q, k, v, mask, scale, self.delta, self.centring, self.signed, whole=False)
        return h * out


class DotProduct(nn.Module):
    """Softmax attention; nothing is learned in it."""

    def forward(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
        """[..., h, n, dh] each; mask [..., n]."""
        return dot_product(q, k, v, mask)


class SparseBlock(nn.Module):
    """Pre-norm block."""

    attn_out: MaskedLinear
    ffn_hidden: MaskedLinear
    ffn_out: MaskedLinear

    def __init__(self, config: ModelConfig, attention: str) -> None:
        super().__init__()
        self.config = config
        for name in LINEARS:
            outputs, inputs = linear_shape(config, name)
            setattr(self, name, MaskedLinear(inputs, outputs))
        self.attn_norm, self.ffn_norm = Norm(config.width), Norm(config.width)
        self.attention = Inhibitor(config) if attention == "inhibitor" else DotProduct()
        self.inner_norm, self.hidden_norm = (
            Norm(width) if config.inner_norms else nn.Identity() for width in (config.width, config.hidden)
        )

    def linears(self) -> Iterator[tuple[str, MaskedLinear]]:
        """The block's linear layers by name, in running order."""
        return ((name, getattr(self, name)) for name in LINEARS)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x [..., batch, n, d] -> x."""
        a = self.attn_norm(x)
        q, k, v = (split_heads(getattr(self, name)(a), self.config.heads) for name in "qkv")
        h = self.attention(q, k, v, mask).transpose(-2, -3).flatten(-2)
        x = x + self.attn_out(self.inner_norm(h))
        return x + self.ffn_out(self.hidden_norm(torch.relu(self.ffn_hidden(self.ffn_norm(x)))))


class Classifier(nn.Module):
    """A linear layer that is never pruned."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.latent = nn.Parameter(torch.zeros(classes, width))
        self.bias = nn.Parameter(torch.zeros(classes))

    def forward(self, x: Tensor) -> Tensor:
        """Logits [..., batch, classes]."""
        return x @ self.latent.mT + self.bias

    def real(self, logits: Tensor) -> Tensor:
        """Logits as real numbers, which they are."""
        return logits


class SparseFloat(nn.Module):
    """A float Transformer with masks; attention: "dot" or "inhibitor"; calls are `InhibitorTransformer`'s."""

    def __init__(self, like: InhibitorTransformer, attention: str) -> None:
        """like: gives sizes and first values of tables, linear layers and classifier."""
        super().__init__()
        self.config = config = like.config
        self.token = Table(config.vocabulary, config.width)
        self.position = Table(config.max_tokens, config.width)
        self.blocks = nn.ModuleList(SparseBlock(config, attention) for _ in range(config.layers))
        self.norm = Norm(config.width)
        self.classifier = Classifier(config.width, config.classes)
        given = like.state_dict()
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                if name.endswith("latent"):
                    parameter.copy_(given[name])

    def encoder(self) -> Iterator[tuple[str, MaskedLinear]]:
        """The encoder's linear layers by their ticket names."""
        for i, block in enumerate(cast(list[SparseBlock], list(self.blocks))):
            yield from ((f"layers.{i}.{name}", linear) for name, linear in block.linears())

    def forward(self, token_ids: Tensor, mask: Tensor) -> Tensor:
        """Logits [..., batch, classes]; token_ids int [..., batch, n], mask bool of that shape."""
        return self.classifier(self.pooled(token_ids, mask))

    def pooled(self, token_ids: Tensor, mask: Tensor) -> Tensor:
        """What the classifier sees of each sequence, [..., batch, width]."""
        x = self.token.rows(token_ids) + self.position.first(token_ids.shape[-1])
        for block in self.blocks:
            x = block(x, mask)
        total = self.norm(x).masked_fill(~mask[..., None], 0).sum(-2)
        return total / mask.sum(-1, keepdim=True)


Model: TypeAlias = InhibitorTransformer | SparseFloat
"""What can be pruned, stacked and searched."""
