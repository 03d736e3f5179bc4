"""Control: an unpruned model whose encoder is as large as what a ticket keeps.

If it does as well, the ticket's zeros were no better than leaving the weights out from the start.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch

from hwsim import sizes
from hwsim.config import ModelConfig
from hwsim.errors import ConfigError
from hwsim.models.model import InhibitorTransformer
from hwsim.models.pruning.plan import Round, label
from hwsim.models.pruning.weights import count
from hwsim.ticket import LINEARS, linear_shape

HIDDEN_STEP = 8
"""Feed-forward widths are multiples of this."""


def small_dense(densities: Sequence[float]) -> list[Round]:
    """Method: one training from new weights for each density."""
    return [Round(label("small_dense", d), "small_dense", d, prune="small") for d in densities]


def encoder_weights(config: ModelConfig) -> int:
    """Weights of the linear layers of the encoder."""
    shapes = [linear_shape(config, name) for name in LINEARS]
    return config.layers * sum(outputs * inputs for outputs, inputs in shapes)


def narrowed(config: ModelConfig, density: float) -> ModelConfig:
    """The widest model of the same depth and heads whose encoder has so many weights, or just more.

    The feed-forward layer takes what the attention's matrices leave over, in steps of 8: the count is at most
    16 times layers times width above the share `density` of `config`'s. Raises ConfigError where no
    supported width is narrow enough.
    """
    wanted = count(density, encoder_weights(config))
    for width in sorted((w for w in sizes.WIDTHS if w <= config.width), reverse=True):
        if width % config.heads or width // config.heads not in sizes.HEAD_WIDTHS:
            continue
        left = wanted - config.layers * 4 * width * width
        if left > 0:
            steps = -(-left // (config.layers * 2 * width * HIDDEN_STEP))
            return dataclasses.replace(config, width=width, hidden=steps * HIDDEN_STEP)
    raise ConfigError(
        f"density is {density}; no model of {config.heads} heads, {config.layers} layers is as small as that"
    )


def shrink(model: InhibitorTransformer, density: float, seed: int) -> InhibitorTransformer:
    """A new model of the `narrowed` sizes, drawn from the seed; its tables are first columns of `model`'s.

    So it begins with what the task brings of its words, where it brings any.
    """
    torch.manual_seed(seed)
    small = InhibitorTransformer(narrowed(model.config, density))
    with torch.no_grad():
        small.token.latent.copy_(model.token.latent[:, : small.config.width])
        small.position.latent.copy_(model.position.latent[:, : small.config.width])
    return small
