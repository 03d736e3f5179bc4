"""What happens inside a BERT, layer by layer, computed so that a CUDA graph can record it.

The encoder's own modules do the work; only the way through them is written here, because the library's looks
at its mask on the CPU. A test holds the result against the library's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from hwsim.errors import ConfigError
from hwsim.models.distill.replace import kind_of, layers
from hwsim.models.model import split_heads
from hwsim.models.vocabulary import UNKNOWN


@dataclass(frozen=True)
class States:
    """Tensors [batch, n, width], the lowest layer first."""

    hidden: list[Tensor] = field(default_factory=list)
    """The embedding, then every layer's output."""
    attention: list[Tensor] = field(default_factory=list)
    """Every layer's attention output, before its output projection."""
    middle: list[Tensor] = field(default_factory=list)
    """What every layer's feed-forward half reads."""

    def of(self, positions: slice) -> States:
        """The same at some positions."""
        parts = (self.hidden, self.attention, self.middle)
        return States(*([part[:, positions] for part in tensors] for tensors in parts))


def states(encoder: nn.Module, token_ids: Tensor, mask: Tensor) -> States:
    """Every state of a BERT without dropout; token_ids [batch, n], mask bool [batch, n]."""
    bert: Any = encoder
    found = States()
    x = bert.embeddings(input_ids=token_ids)
    found.hidden.append(x)
    layer: Any
    for layer in layers(encoder):
        own = layer.attention.self
        heads = bert.config.num_attention_heads
        q, k, v = (split_heads(part(x), heads) for part in (own.query, own.key, own.value))
        out = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None, None, :])
        found.attention.append(out.transpose(-2, -3).flatten(-2))
        output = layer.attention.output
        x = output.LayerNorm(output.dense(found.attention[-1]) + x)
        found.middle.append(x)
        x = layer.output.LayerNorm(layer.output.dense(nn.functional.gelu(layer.intermediate.dense(x))) + x)
        found.hidden.append(x)
    return found


class Reader:
    """A BERT that reads a student's pieces, between its own special ones, and says what it thinks at each.

    The student's vocabulary is cut from the encoder's: a piece has the same meaning in both, another number.
    """

    def __init__(self, encoder: nn.Module, large: Tokenizer, small: Tokenizer) -> None:
        """Raises ConfigError for another kind of encoder."""
        if kind_of(encoder).attention != "attention.self":
            raise ConfigError("an integer student is taught layer by layer by a BERT")
        self.encoder = encoder.eval()
        old, new = large.get_vocab(), small.get_vocab()
        numbers = [old.get(piece, old[UNKNOWN]) for piece in sorted(new, key=new.__getitem__)]
        self.number = torch.from_numpy(np.array(numbers))
        self.first, self.last = old["[CLS]"], old["[SEP]"]

    def to(self, device: str, kind: torch.dtype = torch.float32) -> Reader:
        """Move to a device; the BERT may compute in bfloat16 there."""
        self.encoder.to(device, kind)
        self.number = self.number.to(device)
        return self

    @torch.no_grad()
    def __call__(self, token_ids: Tensor, mask: Tensor) -> States:
        """States at the student's pieces; token_ids [batch, n], mask bool [batch, n], real tokens first."""
        between = nn.functional.pad(self.number[token_ids], (1, 1))
        place = torch.arange(between.shape[1], device=between.device)
        end = mask.sum(1, keepdim=True) + 1
        ids = between.masked_fill(place == end, self.last).masked_fill(place == 0, self.first)
        return states(self.encoder, ids, place <= end).of(slice(1, -1))


def at_real(tensors: Sequence[Tensor], mask: Tensor) -> list[Tensor]:
    """The real tokens of each tensor [tokens, width], float32."""
    return [tensor[mask].float() for tensor in tensors]
