"""Random tickets and token batches: the stimulus of `hwsim verify`, tests and examples."""

from __future__ import annotations

import numpy as np

from hwsim.config import ModelConfig
from hwsim.ticket import LINEARS, Layer, Linear, Ticket, linear_shape


def random_ticket(config: ModelConfig, seed: int = 0, density: float = 0.3) -> Ticket:
    """A ticket with random sparse weights whose shifts keep every tensor in a lively range."""
    rng = np.random.default_rng(seed)

    def linear(name: str) -> Linear:
        outputs, inputs = linear_shape(config, name)
        weight = rng.integers(-config.weight_limit, config.weight_limit + 1, (outputs, inputs))
        weight = np.where(rng.random(weight.shape) < density, weight, 0).astype(np.int8)
        # A row of random terms grows like the root of the sum of squares; bring it back to its input's size.
        spread = np.sqrt(max(1.0, float((weight.astype(float) ** 2).sum(axis=1).mean())))
        bias = rng.integers(-64, 65, outputs).astype(np.int32)
        return Linear(weight, bias, int(np.log2(spread)))

    layers = tuple(
        Layer(
            {name: linear(name) for name in LINEARS},
            rng.integers(0, 32, config.heads).astype(np.int32),
            score_shift=max(0, config.head_width.bit_length() - 3),
            inhibit_shift=2,
        )
        for _ in range(config.layers)
    )
    return Ticket(
        config,
        rng.integers(-127, 128, (config.vocabulary, config.width)).astype(np.int8),
        rng.integers(-64, 65, (config.max_tokens, config.width)).astype(np.int8),
        layers,
        rng.integers(-127, 128, (config.classes, config.width)).astype(np.int8),
        rng.integers(-100, 101, config.classes).astype(np.int32),
        provenance={"recipe": "random weights", "seed": seed},
    )


def random_tokens(config: ModelConfig, batch: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(token_ids int32, mask bool) [batch, max_tokens] of ragged random sequences.

    Sequence 0 has one token, sequence 1 has all; the others end anywhere. Padding holds random ids too:
    whatever stands there must not matter.
    """
    rng = np.random.default_rng(seed)
    token_ids = rng.integers(0, config.vocabulary, (batch, config.max_tokens)).astype(np.int32)
    lengths = rng.integers(1, config.max_tokens + 1, batch)
    lengths[:2] = (1, config.max_tokens)[: len(lengths)]
    return token_ids, np.arange(config.max_tokens) < lengths[:, None]
