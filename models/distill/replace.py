"""Replace the attention of a Hugging Face BERT, MPNet or DistilBERT encoder by the Inhibitor.

The encoder stays what it is (arXiv 2503.15983: layer norms, biases, feed-forward layers untouched, its
weights kept); only what happens between queries, keys and values changes. Works with transformers 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from hwsim.config import WEIGHT_LIMITS
from hwsim.errors import ConfigError
from hwsim.models.distill.integer import IntegerAttention, IntegerDense
from hwsim.models.float_model import Inhibitor
from hwsim.models.model import split_heads
from hwsim.models.ops import inhibit_sum, manhattan_distance
from hwsim.models.ops.manhattan_score import FAR

WEIGHTS = ("float", *WEIGHT_LIMITS)
CENTRINGS = ("min", "mean")


@dataclass(frozen=True)
class Kind:
    """Where things are in one kind of encoder."""

    layers: str
    attention: str
    """Inside a layer: the module that holds the projections."""
    projections: tuple[str, str, str]
    """Query, key and value inside that module."""
    output: str | None
    """The output projection, if it is inside that module too."""
    dense: tuple[str, ...]
    """The other linear layers, inside a layer."""


KINDS = {
    "bert": Kind(
        "encoder.layer",
        "attention.self",
        ("query", "key", "value"),
        None,
        ("attention.output.dense", "intermediate.dense", "output.dense"),
    ),
    "mpnet": Kind(
        "encoder.layer", "attention.attn", ("q", "k", "v"), "o", ("intermediate.dense", "output.dense")
    ),
    "distilbert": Kind(
        "transformer.layer", "attention", ("q_lin", "k_lin", "v_lin"), "out_lin", ("ffn.lin1", "ffn.lin2")
    ),
}
"""By the `model_type` of an encoder's config."""


def kind_of(encoder: nn.Module) -> Kind:
    """Raises ConfigError for an encoder of another kind."""
    found = getattr(getattr(encoder, "config", None), "model_type", type(encoder).__name__)
    if found not in KINDS:
        raise ConfigError(
            f"an encoder of kind {found!r}; the Inhibitor replaces attention in {', '.join(KINDS)}"
        )
    return KINDS[found]


def layers(encoder: nn.Module) -> list[nn.Module]:
    """The encoder's layers, the lowest first."""
    return list(encoder.get_submodule(kind_of(encoder).layers).children())


def attentions(encoder: nn.Module) -> list[nn.Module]:
    """Every layer's attention module, whether replaced or not."""
    return [layer.get_submodule(kind_of(encoder).attention) for layer in layers(encoder)]


def replace(encoder: nn.Module, weights: str = "float", centring: str = "min") -> None:
    """Replace the attention of every layer, in place, keeping all weights.

    weights: "float", or int8, int4 or ternary: then every linear layer of the encoder has integer weights
    and int8 inputs, and attention is the integer operators'; layer norms, GELU and the residual sums stay
    float. centring: what is subtracted from a query's scores (`min` of hwsim, `mean` of the paper).
    Raises ConfigError for an unknown kind, switch or size, and for integer weights in MPNet, which adds a
    position bias to its scores: the integer operator has none.
    """
    if weights not in WEIGHTS or centring not in CENTRINGS:
        raise ConfigError(f"weights are {', '.join(WEIGHTS)} and centrings {', '.join(CENTRINGS)}")
    kind = kind_of(encoder)
    config: Any = encoder.config
    heads, whole = config.num_attention_heads, weights != "float"
    if whole and config.model_type == "mpnet":
        raise ConfigError(
            "MPNet adds a position bias to its scores; the integer operator has none: use float"
        )
    # Masks as four-dimensional tensors, whatever attention the encoder was loaded for.
    config._attn_implementation = "eager"
    for layer in layers(encoder):
        old = layer.get_submodule(kind.attention)
        if whole:
            new: nn.Module = IntegerAttention(old, kind.projections, kind.output, heads, weights, centring)
            for name in kind.dense:
                layer.set_submodule(name, IntegerDense(layer.get_submodule(name), weights))
        else:
            new = InhibitorAttention(old, kind.projections, kind.output, heads, centring)
        layer.set_submodule(kind.attention, new)


class InhibitorAttention(Inhibitor):
    """Takes the place of a layer's self-attention module, under the same names of projections.

    Scores are gamma * sum_k |q_k - k_k| less MPNet's position bias (what attracted before now inhibits
    less), centred and shifted by delta; the sum of inhibited values is scaled by eta; all per head.
    """

    def __init__(
        self, old: nn.Module, names: tuple[str, str, str], output: str | None, heads: int, centring: str
    ) -> None:
        width: Any = old.get_submodule(names[0]).out_features
        super().__init__(heads, width // heads, centring)
        self.heads, self.names, self.output = heads, names, output
        for name in (*names, *([output] if output else [])):
            self.add_module(name, old.get_submodule(name))

    def forward(
        self,
        hidden_states: Tensor,
        attention_mask: Tensor | None = None,
        position_bias: Tensor | None = None,
        **ignored: Any,
    ) -> tuple[Tensor, None]:
        """(attention output [batch, n, width], None in place of probabilities)."""
        q, k, v = (split_heads(self.get_submodule(name)(hidden_states), self.heads) for name in self.names)
        real = real_keys(attention_mask, hidden_states)
        score = manhattan_distance(q, k) * torch.exp2(self.gamma)
        if position_bias is not None:
            score = score - position_bias
        if self.centring == "min":
            centre = score.masked_fill(~real, FAR).amin(-1, keepdim=True)
        else:
            centre = score.masked_fill(~real, 0).sum(-1, keepdim=True) / real.sum(-1, keepdim=True)
        score = torch.relu(score - centre - self.delta).masked_fill(~real, FAR)
        out = inhibit_sum(v, score) * torch.exp2(self.eta)
        out = out.transpose(-2, -3).flatten(-2)
        return (self.get_submodule(self.output)(out) if self.output else out), None


def real_keys(attention_mask: Tensor | None, hidden_states: Tensor) -> Tensor:
    """bool [batch, 1, 1 or n, n], True at real keys, from a boolean or an additive mask, or none."""
    if attention_mask is None:
        batch, tokens = hidden_states.shape[:2]
        return torch.ones(batch, 1, 1, tokens, dtype=torch.bool, device=hidden_states.device)
    return attention_mask if attention_mask.dtype == torch.bool else attention_mask == 0
