"""First values of an integer student from a BERT of its own shape, fitted to what that does on some text.

The two differ: post-norm with gains against pre-norm without, LayerNorm against L1, softmax of products
against inhibition by distances, GELU against ReLU. What can be carried over is, the rest is left to training:

- The residual stream holds the BERT's states with every feature centred and divided by its spread
  (`Basis`); linear layers take up the inverse. The norm of a token is lost in both models.
- Where a LayerNorm shrinks the sum it reads, the student's stream grows instead, so that later layers add
  as much to it in proportion.
- Values, attention outputs and hidden units are scaled so that int8 holds them, which the next layer undoes.
  Queries and keys lose their common mean, which no distance sees.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from hwsim.errors import ConfigError
from hwsim.models.distill.replace import layers
from hwsim.models.distill.states import Reader, at_real
from hwsim.models.layers import UNIT, IntegerLinear
from hwsim.models.model import InhibitorTransformer
from hwsim.ops import largest

REACH = largest(8) / UNIT
"""The largest real number that an int8 activation holds."""


def level(width: int) -> float:
    """The mean magnitude of what the Manhattan norm gives, as a real number: 1 for powers of two."""
    return 2 ** (width.bit_length() - 1) / width


def magnitude(x: Tensor) -> Tensor:
    """The mean magnitude over all elements, never 0."""
    return x.abs().mean().clamp(min=1e-6)


def reach(x: Tensor) -> Tensor:
    """What all but one element in a thousand stay below; sorts a sample only, as quantile takes no more."""
    return x.abs().flatten()[:: max(1, x.numel() // 1_000_000)].quantile(0.999).clamp(min=1e-6)


@dataclass(frozen=True)
class Basis:
    """How the states of a BERT are seen: features centred in each layer, in units of their spread."""

    spread: Tensor
    """[width], over all layers."""
    hidden: list[Tensor]
    """The mean of each of the hidden states [width]."""
    attention: list[Tensor]
    """The mean magnitude of each layer's attention output, a scalar."""

    @classmethod
    def of(cls, reader: Reader, token_ids: Tensor, mask: Tensor) -> Basis:
        """From some text, in the student's pieces."""
        found = reader(token_ids, mask)
        hidden = at_real(found.hidden, mask)
        variance = torch.stack([x.var(0) for x in hidden]).mean(0)
        return cls(
            variance.sqrt().clamp(min=1e-6),
            [x.mean(0) for x in hidden],
            [magnitude(x) for x in at_real(found.attention, mask)],
        )

    def normed(self, x: Tensor, layer: int) -> Tensor:
        """A hidden state as the student's norm should give it."""
        x = (x.float() - self.hidden[layer]) / self.spread
        return x * level(x.shape[-1]) / x.abs().mean(-1, keepdim=True).clamp(min=1e-6)


@torch.no_grad()
def transplant(student: InhibitorTransformer, reader: Reader, token_ids: Tensor, mask: Tensor) -> None:
    """Set the student's tables and encoder from the reader's BERT, in place; the classifier is left alone.

    token_ids, mask: some hundred sequences in the student's pieces [batch, n].
    Raises ConfigError for another width, number of heads or layers, or feed-forward width.
    """
    bert: Any = reader.encoder
    asked = (bert.config.hidden_size, bert.config.num_attention_heads, bert.config.intermediate_size)
    config = student.config
    if (config.width, config.heads, config.hidden) != asked or config.layers != len(layers(bert)):
        raise ConfigError(
            f"a student that begins with its teacher's weights has width, heads and hidden {asked} and "
            f"{len(layers(bert))} layers"
        )
    basis, found = Basis.of(reader, token_ids, mask), reader(token_ids, mask)
    hidden, middle = at_real(found.hidden, mask), at_real(found.middle, mask)
    attention = at_real(found.attention, mask)
    grown = 1 / magnitude((hidden[0] - basis.hidden[0]) / basis.spread)
    _tables(student, reader, basis, grown)
    for i, (block, layer) in enumerate(zip(student.encoder_blocks(), layers(bert), strict=True)):
        half = _Half(basis.spread, hidden[i])
        own: Any = layer.get_submodule("attention.self")
        q, k = (_outputs(part, hidden[i]) for part in (own.query, own.key))
        centre = (q.mean(0) + k.mean(0)) / 2
        scale = REACH / torch.maximum(reach(q - centre), reach(k - centre))
        half.read(block.q, own.query, scale, -centre)
        half.read(block.k, own.key, scale, -centre)
        half.read(block.v, own.value, REACH / reach(_outputs(own.value, hidden[i])))
        output: Any = layer.get_submodule("attention.output")
        grown = half.write(block.attn_out, output.dense, attention[i], middle[i], basis.attention[i], grown)

        half = _Half(basis.spread, middle[i])
        inner: Any = layer.get_submodule("intermediate")
        units = torch.relu(_outputs(inner.dense, middle[i]))
        scale = REACH / reach(units)
        half.read(block.ffn_hidden, inner.dense, scale)
        outer: Any = layer.get_submodule("output")
        grown = half.write(block.ffn_out, outer.dense, units, hidden[i + 1], 1 / scale, grown)


def _outputs(linear: Any, x: Tensor) -> Tensor:
    return nn.functional.linear(x, linear.weight.float(), linear.bias.float())


class _Half:
    """One residual half of a layer: its linear layers read a state, and add to the stream."""

    def __init__(self, spread: Tensor, state: Tensor) -> None:
        self.spread, self.state = spread, state
        self.mean = state.mean(0)
        self.unit = magnitude((state - self.mean) / spread) / level(len(spread))
        """Of the basis, for 1.0 of the normed stream."""

    def read(self, to: IntegerLinear, linear: Any, scale: Tensor, offset: Tensor | float = 0.0) -> None:
        """The layer that computes scale * (linear(state) + offset) from the normed stream."""
        weight = linear.weight.float()
        bias = linear.bias.float() + weight @ self.mean + offset
        _set(to, scale * weight * (self.spread * self.unit), scale * bias)

    def write(
        self, to: IntegerLinear, linear: Any, read: Tensor, after: Tensor, scale: Tensor, grown: Tensor
    ) -> Tensor:
        """The layer that adds linear(read) to the stream, reading read / scale; grown: the stream's units
        a unit of the basis. Returns what that becomes when the norm shrinks the sum to `after`."""
        weight = linear.weight.float() * scale / self.spread[:, None] * grown
        _set(to, weight, -weight @ (read.mean(0) / scale))
        total = self.state + _outputs(linear, read)
        old, new = ((x - x.mean(0)) / self.spread for x in (total, after))
        return grown * (old * old).sum() / (old * new).sum()


def _set(to: IntegerLinear, weight: Tensor, bias: Tensor) -> None:
    to.latent.copy_(weight)
    to.bias.copy_(bias)
    to.fit_grid()


def _tables(student: InhibitorTransformer, reader: Reader, basis: Basis, unit: Tensor) -> None:
    """Rows whose sum is near the BERT's normed embedding, in the stream's units: a token's at the mean
    position, and what a position adds to that. The BERT's first place is that of its special piece."""
    table: Any = reader.encoder.get_submodule("embeddings")
    norm, count = table.LayerNorm, student.config.max_tokens
    weight, bias = norm.weight.float(), norm.bias.float()
    places = table.position_embeddings.weight[1 : count + 1].float()
    words = table.word_embeddings.weight[reader.number].float()
    total = words + table.token_type_embeddings.weight[0].float() + places.mean(0)
    token = nn.functional.layer_norm(total, total.shape[-1:], weight, bias, norm.eps)
    student.token.latent.copy_((token - basis.hidden[0]) / basis.spread * unit)
    added = (places - places.mean(0)) * weight / total.var(-1).sqrt().mean()
    student.position.latent.zero_()
    student.position.latent[: len(added)].copy_(added / basis.spread * unit)


def convert(student: InhibitorTransformer, other: InhibitorTransformer) -> None:
    """Give a student the values of another, whose weights have another grid; in place."""
    student.load_state_dict(other.state_dict())
    for _, linear in student.encoder():
        linear.fit_grid()
