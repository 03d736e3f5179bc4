"""What a ticket costs, counted from its integers: size, operations, memory, energy; for n real tokens.

Counting rules, the same for every model:

- an addition is an addition, subtraction or comparison of two numbers; shifts, |x|, a change of sign,
  saturation and ReLU look at the bits of one number and count nothing;
- an accumulator starts from the rounding constant, so that rounding costs nothing, and a bias is one
  addition; a weight costs one addition a signed digit (`hwsim.digits`);
- the norm costs five conditional additions an element, all counted whether they happen or not: one of |x|
  to L, and one for each bit of R in the product;
- choosing the class is not counted.

`hwsim.dense` counts the dot-product model of the same shape.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from hwsim import dense, digits
from hwsim.config import ModelConfig
from hwsim.energy import WORD, Work, memory_for, work
from hwsim.errors import HwsimError
from hwsim.ticket import LINEARS, Ticket, linear_shape

NORM_ADDS = 5


@dataclass(frozen=True)
class Bits:
    """Bits stored."""

    weights: int
    """Values of the encoder's kept weights."""
    mask: int
    """One for each of the encoder's weights; 0 for a dense model."""
    mask_entropy: int
    """What an ideal code of the masks would need."""
    tables: int
    """Token and position rows."""
    rest: int
    """Biases, deltas, classifier (and norms, in the dot-product model)."""

    @property
    def encoder(self) -> int:
        """Weights and masks."""
        return self.weights + self.mask

    @property
    def total(self) -> int:
        """Everything that is stored; the entropy is a yardstick and not part of it."""
        return self.weights + self.mask + self.tables + self.rest


@dataclass(frozen=True)
class Cost:
    """What a model costs for a sequence of `tokens` real tokens."""

    tokens: int
    parameters: int
    """Numbers that training sets, zeros included."""
    encoder_weights: int
    nonzero_digits: int
    """Of the encoder; the weights themselves in a dense model."""
    bits: Bits
    adds: int
    """Of the whole sequence."""
    multiplies: int
    activation_bytes: int
    """The most that lives at one time; scores live one query at a time."""
    arithmetic_pj: float
    memory_once_pj: float
    """Reads if parameters are read once a sequence and each tensor once an operator: the lower bound."""
    memory_each_use_pj: float
    """Reads if parameters are read again for each token and every operation fetches its operands."""
    memories: dict[str, str]
    """Where encoder weights, tables and activations live: the smallest memory that holds them."""

    def to_dict(self) -> dict[str, Any]:
        """JSON values, with the figures per token that tables show."""
        n = self.tokens
        energy = {
            "arithmetic": self.arithmetic_pj / n / 1e3,
            "memory_once": self.memory_once_pj / n / 1e3,
            "memory_each_use": self.memory_each_use_pj / n / 1e3,
        }
        energy["total_once"] = energy["arithmetic"] + energy["memory_once"]
        energy["total_each_use"] = energy["arithmetic"] + energy["memory_each_use"]
        return {
            "tokens": n,
            "parameters": self.parameters,
            "encoder_weights": self.encoder_weights,
            "nonzero_digits": self.nonzero_digits,
            "bits": dataclasses.asdict(self.bits) | {"total": self.bits.total},
            "adds_per_token": self.adds / n,
            "multiplies_per_token": self.multiplies / n,
            "activation_bytes": self.activation_bytes,
            "nanojoules_per_token": energy,
            "memories": self.memories,
        }


@dataclass(frozen=True)
class Counts:
    """All of a ticket's integers that its cost depends on."""

    kept: tuple[int, ...]
    """Non-zero weights of each linear layer of the encoder, in running order."""
    digits: int
    """Non-zero signed digits of these layers."""
    head_digits: int
    """Those of the classifier."""

    @classmethod
    def of(cls, ticket: Ticket) -> Counts:
        """Counted in the ticket."""
        kept = tuple(int(np.count_nonzero(linear.weight)) for _, linear in ticket.encoder())
        return cls(kept, ticket.digits, digits.count(ticket.classify_weight))


def cost(ticket: Ticket, tokens: int) -> Cost:
    """What the ticket costs for `tokens` real tokens. Raises HwsimError for 0 or more than it takes."""
    return cost_of(ticket.config, Counts.of(ticket), tokens)


def cost_of(config: ModelConfig, counts: Counts, tokens: int) -> Cost:
    """`cost` of a ticket of these sizes and counts."""
    check_tokens(config, tokens)
    shapes = [linear_shape(config, name) for _ in range(config.layers) for name in LINEARS]
    sizes = [outputs * inputs for outputs, inputs in shapes]
    vectors = sum(outputs for outputs, _ in shapes) + config.layers * config.heads + config.classes
    tables = (config.vocabulary + config.max_tokens) * config.width
    head = config.classes * config.width
    # Two bits a digit plane of a kept weight, whole bytes a layer (hwsim.ticket_file).
    planes = digits.planes(config.weight_limit)
    bits = Bits(
        weights=8 * sum(-(-count * planes // 4) for count in counts.kept),
        mask=sum(sizes),
        mask_entropy=math.ceil(
            sum(size * entropy(count / size) for count, size in zip(counts.kept, sizes, strict=True))
        ),
        tables=8 * tables,
        rest=32 * vectors + 8 * head,
    )
    done = block_work(config, tokens).times(config.layers) + digit_work(counts.digits).times(tokens)
    done += _ends(config, counts.head_digits, tokens)
    parameters = sum(sizes) + vectors + head + tables
    return assemble(config, tokens, parameters, counts.digits, bits, done, activation_bytes(config, tokens))


def compare(ticket: Ticket, tokens: int) -> dict[str, Any]:
    """JSON: the ticket's cost beside the dot-product model of the same shape in float32 and int8."""
    return beside_dense(ticket.config, cost(ticket, tokens))


def beside_dense(config: ModelConfig, found: Cost) -> dict[str, Any]:
    """JSON: `found`, a ticket's cost, beside the dot-product models of its sizes."""
    result: dict[str, Any] = {"ticket": found.to_dict()}
    for kind in dense.KINDS:
        result[kind] = dense_cost(config, found.tokens, kind).to_dict()
    energies = {name: model["nanojoules_per_token"] for name, model in result.items()}
    for kind in dense.KINDS:
        result[f"{kind}_over_ticket"] = {
            part: energies[kind][part] / energies["ticket"][part] for part in energies["ticket"]
        }
    return result


def dense_cost(config: ModelConfig, tokens: int, kind: str) -> Cost:
    """The dot-product model of the same shape; kind: float32 or int8."""
    check_tokens(config, tokens)
    width = 32 if kind == "float32" else 8
    matrices = dense.encoder_weights(config)
    vectors = dense.vectors(config)
    tables = (config.vocabulary + config.max_tokens) * config.width
    head = config.classes * config.width
    bits = Bits(width * matrices, 0, 0, width * tables, 32 * vectors + width * head)
    parameters = matrices + vectors + tables + head
    done = dense.model_work(config, tokens, kind)
    return assemble(
        config, tokens, parameters, matrices, bits, done, dense.activation_bytes(config, tokens, kind)
    )


def assemble(
    config: ModelConfig, tokens: int, parameters: int, nonzero: int, bits: Bits, done: Work, live: int
) -> Cost:
    """Add the energy of memory reads to what was counted."""
    homes = {
        "encoder": memory_for(-(-bits.encoder // 8)),
        "tables": memory_for(-(-bits.tables // 8)),
        "activations": memory_for(live),
    }
    rows = tokens * 2 * config.width * bits.tables // ((config.vocabulary + config.max_tokens) * config.width)
    lookup = rows * homes["tables"][1]
    parameters_once = (bits.encoder + bits.rest) * homes["encoder"][1]
    activation = homes["activations"][1]
    return Cost(
        tokens=tokens,
        parameters=parameters,
        encoder_weights=dense.encoder_weights(config),
        nonzero_digits=nonzero,
        bits=bits,
        adds=done.adds,
        multiplies=done.multiplies,
        activation_bytes=live,
        arithmetic_pj=done.picojoules,
        memory_once_pj=(lookup + parameters_once + done.once * activation) / WORD,
        memory_each_use_pj=(lookup + tokens * parameters_once + done.each_use * activation) / WORD,
        memories={part: name for part, (name, _) in homes.items()},
    )


def check_tokens(config: ModelConfig, tokens: int) -> None:
    """Raise HwsimError unless the model takes sequences of so many tokens."""
    if not 1 <= tokens <= config.max_tokens:
        raise HwsimError(f"tokens is {tokens}; this ticket takes 1..{config.max_tokens}")


def entropy(p: float) -> float:
    """Bits a weight of an ideal code of a mask that keeps the share p."""
    return 0.0 if p in (0.0, 1.0) else -p * math.log2(p) - (1 - p) * math.log2(1 - p)


def norm_work(width: int, bits: int) -> Work:
    """manhattan_norm of one row; the row is read for L and again for the product."""
    return work(once=width * bits, each_use=2 * width * bits, int32_add=NORM_ADDS * width)


def linear_work(inputs: int, outputs: int) -> Work:
    """linear of one row but for its digits."""
    return work(once=8 * inputs, int32_add=outputs)


def digit_work(count: int) -> Work:
    """`count` digits of linear layers, one row: a digit fetches one int8 input and adds it."""
    return work(each_use=8 * count, int32_add=count)


def attention_work(config: ModelConfig, tokens: int) -> Work:
    """manhattan_score and inhibit of one query, all heads."""
    pairs, features = config.heads * tokens, config.width * tokens
    comparing = {"min": pairs, "mean": pairs, "none": 0}[config.centring]
    moving = config.heads if config.centring != "none" else 0
    score = work(
        once=2 * 8 * config.width,
        each_use=2 * 8 * features,
        # |q - k| of two int8, added up; then centre (search or sum), centre + delta, and the subtraction.
        int8_add=features,
        int32_add=features + comparing + moving + pairs,
        # The mean is the one thing that needs a divider.
        int32_multiply=config.heads if config.centring == "mean" else 0,
    )
    inhibit = work(
        once=8 * config.width, each_use=8 * features + 8 * pairs, int8_add=features, int32_add=features
    )
    return score + inhibit


def block_work(config: ModelConfig, tokens: int) -> Work:
    """One encoder block on a sequence, but for its digits."""
    d, f, stream = config.width, config.hidden, config.residual_bits
    residual = work(once=stream * d, each_use=stream * d, int32_add=d)
    one = norm_work(d, stream).times(2) + residual.times(2) + attention_work(config, tokens)
    for name in LINEARS:
        inputs, outputs = {"ffn_hidden": (d, f), "ffn_out": (f, d)}.get(name, (d, d))
        one += linear_work(inputs, outputs)
    if config.inner_norms:
        one += norm_work(d, config.inhibit_bits) + norm_work(f, 8)
    return one.times(tokens)


def _ends(config: ModelConfig, head_digits: int, tokens: int) -> Work:
    """Embedding, final norm, pool and classifier."""
    d = config.width
    token = work(int8_add=d) + norm_work(d, config.residual_bits) + work(8 * d, 8 * d, int32_add=d)
    return token.times(tokens) + norm_work(d, 32) + linear_work(d, config.classes) + digit_work(head_digits)


def activation_bytes(config: ModelConfig, tokens: int) -> int:
    """The most that lives at one time in a block: residual stream, and what one step takes and makes."""
    d, f, g = config.width, config.hidden, config.inhibit_bits // 8
    projecting = 4 * d
    attending = (3 + g) * d
    row = config.heads * tokens
    feeding = d + f
    steps = [tokens * projecting, tokens * attending + row, tokens * feeding]
    if config.inner_norms:
        steps += [tokens * (g + 1) * d, tokens * 2 * f]
    return tokens * d * -(-config.residual_bits // 8) + max(steps)
