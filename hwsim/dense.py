"""The dot-product Transformer of the same shape, counted by the rules of `hwsim.cost`, as a yardstick.

Pre-norm blocks with LayerNorm, softmax attention, ReLU, mean pooling (`hwsim.models.float_model`), all
weights dense. In float32, every number has 32 bits. In int8, matrix products multiply int8 by int8 into
int32, norms and softmax work on int32, the residual stream has 16 bits, and each result of a matrix product
is brought back to int8 by one int32 multiplication (I-BERT, arXiv 2101.01321). An exponential, a reciprocal
or an inverse root counts as one multiplication, which favours this model.
"""

from __future__ import annotations

from hwsim.config import ModelConfig
from hwsim.energy import Work, work

KINDS = ("float32", "int8")


def encoder_weights(config: ModelConfig) -> int:
    """Weights of all linear layers of the encoder."""
    return config.layers * (4 * config.width**2 + 2 * config.width * config.hidden)


def vectors(config: ModelConfig) -> int:
    """Biases, and gain and offset of every norm."""
    d = config.width
    return config.layers * (5 * d + config.hidden + 4 * d) + 2 * d + config.classes


class _Kind:
    """Names of operations and widths in bits of one kind."""

    def __init__(self, kind: str) -> None:
        real = kind == "float32"
        self.wide = "float32" if real else "int32"
        self.product = "float32_multiply" if real else "int8_multiply"
        self.bits, self.stream = (32, 32) if real else (8, 16)
        self.rescaled = not real

    def plain(self, adds: int, multiplies: int, once: int = 0, each_use: int = 0) -> Work:
        """Work on wide numbers."""
        return work(once, each_use, **{f"{self.wide}_add": adds, f"{self.wide}_multiply": multiplies})

    def products(self, count: int, results: int, once: int, each_use: int) -> Work:
        """A matrix product: `count` multiply-accumulates into `results` numbers."""
        done = work(once, each_use, **{self.product: count, f"{self.wide}_add": count})
        return done + self.plain(0, results) if self.rescaled else done

    def linear(self, inputs: int, outputs: int) -> Work:
        """One row of a linear layer; the bias is one addition."""
        count = inputs * outputs
        return self.products(count, outputs, self.bits * inputs, self.bits * count) + self.plain(outputs, 0)

    def norm(self, width: int) -> Work:
        """LayerNorm of one row: mean, deviations, their squares, inverse root, scale, gain and offset."""
        return self.plain(4 * width + 1, 3 * width + 3, self.stream * width, 3 * self.stream * width)


def model_work(config: ModelConfig, tokens: int, kind: str) -> Work:
    """The whole model on a sequence of `tokens` real tokens; kind: float32 or int8."""
    of, d, f = _Kind(kind), config.width, config.hidden
    pairs, features = config.heads * tokens, config.width * tokens
    residual = of.plain(d, 0, of.stream * d, of.stream * d)
    attention = of.products(features, pairs, 2 * of.bits * d, 2 * of.bits * features)
    # Scale, largest, difference, exponential, sum, share; the three passes read each score.
    attention += of.plain(3 * pairs, 3 * pairs, 0, 3 * of.bits * pairs)
    attention += of.products(features, d, of.bits * d, of.bits * (features + pairs))
    block = of.norm(d).times(2) + residual.times(2) + attention
    block += of.linear(d, d).times(4) + of.linear(d, f) + of.linear(f, d)
    token = of.plain(d, 0) + block.times(config.layers) + of.norm(d)
    token += of.plain(d, 0, of.bits * d, of.bits * d)
    # The mean divides once; then the classifier.
    return token.times(tokens) + of.plain(0, d) + of.linear(d, config.classes)


def activation_bytes(config: ModelConfig, tokens: int, kind: str) -> int:
    """The most that lives at one time in a block, scores one query at a time."""
    of, d = _Kind(kind), config.width
    steps = (tokens * 4 * d, tokens * 4 * d + config.heads * tokens, tokens * (d + config.hidden))
    return tokens * d * of.stream // 8 + max(steps) * of.bits // 8
