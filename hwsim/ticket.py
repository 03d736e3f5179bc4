"""A ticket: a sparse integer model and everything needed to run it (the file is in `hwsim.ticket_file`)."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hwsim import digits
from hwsim.config import ModelConfig
from hwsim.errors import TicketError
from hwsim.ops.manhattan_score import LARGEST_DELTA

LINEARS = ("q", "k", "v", "attn_out", "ffn_hidden", "ffn_out")
"""The linear layers of an encoder block, in the order the hardware runs them."""

LARGEST_SHIFT = 23


def linear_shape(config: ModelConfig, name: str) -> tuple[int, int]:
    """(outputs, inputs) of the block's linear layer `name`."""
    return {
        "ffn_hidden": (config.hidden, config.width),
        "ffn_out": (config.width, config.hidden),
    }.get(name, (config.width, config.width))


@dataclass(frozen=True)
class Linear:
    """One sparse integer linear layer."""

    weight: np.ndarray
    """int8 [outputs, inputs]; zero means pruned."""
    bias: np.ndarray
    """int32 [outputs]."""
    shift: int
    """Right shift of the requantisation (or of the residual addition) that follows."""


@dataclass(frozen=True)
class Layer:
    """One encoder block."""

    linears: dict[str, Linear]
    """By the names in LINEARS."""
    delta: np.ndarray
    """int32 [heads], 0..2^15-1: how much of the score is forgiven, per head."""
    score_shift: int
    inhibit_shift: int


@dataclass(frozen=True)
class Ticket:
    """A sparse integer Inhibitor Transformer. Made checked; raises TicketError naming the tensor."""

    config: ModelConfig
    token_table: np.ndarray
    """int8 [vocabulary, width]."""
    position_table: np.ndarray
    """int8 [max_tokens, width]."""
    layers: tuple[Layer, ...]
    classify_weight: np.ndarray
    """int8 [classes, width]."""
    classify_bias: np.ndarray
    """int32 [classes]."""
    labels: tuple[str, ...] = ()
    tokenizer: str = ""
    """The tokenizer as JSON text of the `tokenizers` package; empty if the model takes token ids only."""
    provenance: dict[str, Any] = field(default_factory=dict)
    """How it came to be: data, recipe, seed, commands."""
    metrics: dict[str, float] = field(default_factory=dict)
    """Accuracies as fractions 0..1, by data set and split (`sst2_dev`)."""

    def __post_init__(self) -> None:
        config = self.config
        check_array("embed.token", self.token_table, np.int8, (config.vocabulary, config.width), 127)
        check_array("embed.position", self.position_table, np.int8, (config.max_tokens, config.width), 127)
        check_array("classify.weight", self.classify_weight, np.int8, (config.classes, config.width), 127)
        check_array("classify.bias", self.classify_bias, np.int32, (config.classes,))
        if len(self.layers) != config.layers:
            raise TicketError(f"the ticket has {len(self.layers)} layers; its config says {config.layers}")
        for i, layer in enumerate(self.layers):
            if set(layer.linears) != set(LINEARS):
                raise TicketError(f"layers.{i} has linear layers {sorted(layer.linears)}; expected {LINEARS}")
            for name in LINEARS:
                linear, where = layer.linears[name], f"layers.{i}.{name}"
                shape = linear_shape(config, name)
                check_array(f"{where}.weight", linear.weight, np.int8, shape, config.weight_limit)
                check_array(f"{where}.bias", linear.bias, np.int32, shape[:1])
                check_shift(f"{where}.shift", linear.shift)
            check_array(f"layers.{i}.delta", layer.delta, np.int32, (config.heads,), LARGEST_DELTA)
            if layer.delta.min() < 0:
                raise TicketError(
                    f"layers.{i}.delta holds {layer.delta.min()}; it lies in 0..{LARGEST_DELTA}"
                )
            check_shift(f"layers.{i}.score_shift", layer.score_shift)
            check_shift(f"layers.{i}.inhibit_shift", layer.inhibit_shift)
        if len(self.labels) not in (0, config.classes):
            raise TicketError(f"the ticket has {len(self.labels)} labels for {config.classes} classes")

    def encoder(self) -> Iterator[tuple[str, Linear]]:
        """The encoder's linear layers with their full names, in running order."""
        for i, layer in enumerate(self.layers):
            for name in LINEARS:
                yield f"layers.{i}.{name}", layer.linears[name]

    @property
    def density(self) -> float:
        """Non-zero weights / all weights of the encoder's linear layers."""
        weights = [linear.weight for _, linear in self.encoder()]
        return sum(map(np.count_nonzero, weights)) / sum(w.size for w in weights)

    @property
    def density_all(self) -> float:
        """Non-zero weights / all weights, embedding tables and classifier included."""
        weights = [linear.weight for _, linear in self.encoder()]
        weights += [self.token_table, self.position_table, self.classify_weight]
        return sum(map(np.count_nonzero, weights)) / sum(w.size for w in weights)

    @property
    def digits(self) -> int:
        """Non-zero signed digits of the encoder's linear layers."""
        return sum(digits.count(linear.weight) for _, linear in self.encoder())

    def tensors(self) -> dict[str, np.ndarray]:
        """Every array by name, weights dense."""
        named = {
            "embed.token": self.token_table,
            "embed.position": self.position_table,
            "classify.weight": self.classify_weight,
            "classify.bias": self.classify_bias,
        }
        for name, linear in self.encoder():
            named |= {f"{name}.weight": linear.weight, f"{name}.bias": linear.bias}
        return named | {f"layers.{i}.delta": layer.delta for i, layer in enumerate(self.layers)}

    def shifts(self) -> list[dict[str, int]]:
        """Per layer, the shift of every named operator."""
        return [
            {name: layer.linears[name].shift for name in LINEARS}
            | {"score": layer.score_shift, "inhibit": layer.inhibit_shift}
            for layer in self.layers
        ]

    def digest(self) -> str:
        """SHA-256 over everything that decides an output: config, shifts and tensors."""
        sha = hashlib.sha256(f"{self.config.to_json()}{self.shifts()}{self.tokenizer}".encode())
        for name, tensor in sorted(self.tensors().items()):
            sha.update(name.encode())
            sha.update(np.ascontiguousarray(tensor).tobytes())
        return sha.hexdigest()

    def replace(self, **changes: Any) -> Ticket:
        """A checked copy with some fields changed."""
        return dataclasses.replace(self, **changes)


def check_array(
    name: str, array: Any, dtype: type[np.generic], shape: tuple[int, ...], limit: int | None = None
) -> None:
    """Raise TicketError unless `array` has this dtype and shape and stays within +-limit."""
    if not isinstance(array, np.ndarray) or array.dtype != dtype:
        found = array.dtype if isinstance(array, np.ndarray) else type(array).__name__
        raise TicketError(f"{name} has dtype {found}; expected {np.dtype(dtype)}")
    if array.shape != shape:
        raise TicketError(f"{name} has shape {array.shape}; expected {shape}")
    if limit is not None and array.size:
        for value in (int(array.min()), int(array.max())):
            if abs(value) > limit:
                raise TicketError(f"{name} holds {value}; values lie in +-{limit}")


def check_shift(name: str, value: Any) -> None:
    """Raise TicketError unless `value` is a whole number in 0..LARGEST_SHIFT."""
    if type(value) is not int or not 0 <= value <= LARGEST_SHIFT:
        raise TicketError(f"{name} is {value!r}; a shift is a whole number in 0..{LARGEST_SHIFT}")
