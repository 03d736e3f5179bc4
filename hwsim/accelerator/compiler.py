"""The compiler: a ticket becomes a program."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hwsim import digits, ranges
from hwsim.accelerator.machine import BIAS_DEPTHS, OPERATIONS, WEIGHT_DEPTHS, WIDTHS, Machine, at_least
from hwsim.accelerator.memory import BYTES, MemoryMap
from hwsim.accelerator.operations import Kind, Operation
from hwsim.accelerator.program import Program, bias_words
from hwsim.errors import UnsupportedError
from hwsim.ticket import Layer, Linear, Ticket

LARGEST_DISTANCE = 254
"""Of two int8 features."""


@dataclass
class _Compiler:
    ticket: Ticket
    memory: MemoryMap
    operations: list[Operation] = field(default_factory=list)
    entries: list[np.ndarray] = field(default_factory=list)
    biases: list[np.ndarray] = field(default_factory=list)
    entries_of: list[int] = field(default_factory=list)

    def add(self, operation: Operation) -> None:
        """Append an operation that reads no weights."""
        self.operations.append(operation)
        self.entries_of.append(0)

    def add_weights(self, operation: Operation, weight: np.ndarray, bias: np.ndarray) -> None:
        """Append an operation with its weights and biases; a logit's row goes on for its other two bytes."""
        entries = digits.encode(weight).entries
        self.biases.append(bias_words(bias, entries))
        if operation.kind is Kind.CLASSIFY:
            ends = np.flatnonzero(entries & digits.LAST) + 1
            again = np.full(BYTES - 1, digits.SKIP | digits.LAST, np.uint16)
            entries = np.concatenate([np.append(row, again) for row in np.split(entries, ends)[:-1]])
        self.operations.append(operation)
        self.entries_of.append(len(entries))
        self.entries.append(entries)

    def norm(self, tensor: str, width: int, source: int, destination: int, from_a: bool = False) -> None:
        """A norm of rows; its largest shift is that of a Manhattan norm of 2^23 and more."""
        shift = 23 - width.bit_length()
        self.add(
            Operation(
                Kind.NORM,
                from_a=from_a,
                to_a=True,
                shift=shift,
                operands=source,
                destination=destination,
                count=width,
                tensor=tensor,
            )
        )

    def linear(self, tensor: str, linear: Linear, source: int, destination: int, **how: bool) -> None:
        """A projection; how: flags of the operation. It writes S if it adds a residual, or `to_s` says so."""
        outputs, inputs = linear.weight.shape
        residual = how.get("add_residual", False)
        to_s = how.pop("to_s", residual)
        self.add_weights(
            Operation(
                Kind.LINEAR,
                from_a=True,
                to_a=not to_s,
                to_s=to_s,
                bits=self.ticket.config.residual_bits if residual else 8,
                shift=linear.shift,
                operands=source,
                destination=destination,
                residual=self.memory.residual if residual else 0,
                immediate=outputs,
                count=inputs,
                tensor=tensor,
                **how,
            ),
            linear.weight,
            linear.bias,
        )

    def head(self, name: str, layer: Layer, head: int) -> None:
        """Scores of one head, centred, and its values inhibited by them."""
        config, memory = self.ticket.config, self.memory
        width, first = config.head_width, head * config.head_width
        largest = int((LARGEST_DISTANCE * width + (1 << layer.score_shift >> 1)) >> layer.score_shift)
        # Forgiving more than the largest score is forgiving all; so the shifted delta fits its field.
        delta = min(int(layer.delta[head]), largest)
        last: dict[str, Any] = {"relu": True, "mask": True, "tensor": f"{name}.score", "part": head}
        centred = config.centring == "min"
        self.add(
            Operation(
                Kind.SCORE,
                to_s=True,
                bits=16 if centred else 8,
                shift=layer.score_shift,
                scalars=memory.keys + first,
                operands=memory.queries + first,
                destination=memory.scores,
                immediate=0 if centred else -(delta << layer.score_shift),
                count=width,
                **({} if centred else last),
            )
        )
        if centred:
            self.add(
                Operation(
                    Kind.CENTRE,
                    to_s=True,
                    centre=True,
                    operands=memory.scores,
                    destination=memory.scores,
                    immediate=-delta,
                    **last,
                )
            )
        to_s = config.inner_norms
        self.add(
            Operation(
                Kind.INHIBIT,
                to_a=not to_s,
                to_s=to_s,
                signed=config.inhibition == "signed",
                bits=config.inhibit_bits,
                shift=layer.inhibit_shift,
                scalars=memory.values + first,
                operands=memory.scores,
                destination=(memory.queries if to_s else memory.values) + first,
                count=width,
                tensor=f"{name}.inhibit",
                part=head,
            )
        )

    def block(self, name: str, layer: Layer) -> None:
        """One encoder block."""
        config, memory, linears = self.ticket.config, self.memory, layer.linears
        d = config.width
        self.norm(f"{name}.attn_norm", d, memory.residual, memory.normed)
        self.linear(f"{name}.q", linears["q"], memory.normed, memory.queries, to_s=True)
        self.linear(f"{name}.k", linears["k"], memory.normed, memory.keys)
        self.linear(f"{name}.v", linears["v"], memory.normed, memory.values)
        for head in range(config.heads):
            self.head(name, layer, head)
        if config.inner_norms:
            self.norm(f"{name}.inhibit_norm", d, memory.queries, memory.values)
        self.linear(
            f"{name}.attn_out", linears["attn_out"], memory.values, memory.residual, add_residual=True
        )
        self.norm(f"{name}.ffn_norm", d, memory.residual, memory.normed)
        self.linear(f"{name}.ffn_hidden", linears["ffn_hidden"], memory.normed, memory.hidden_row, relu=True)
        if config.inner_norms:
            hidden = memory.hidden_row
            self.norm(f"{name}.ffn_hidden_norm", config.hidden, hidden, hidden, from_a=True)
        self.linear(
            f"{name}.ffn_out", linears["ffn_out"], memory.hidden_row, memory.residual, add_residual=True
        )

    def model(self) -> None:
        """The whole ticket."""
        ticket, memory, config = self.ticket, self.memory, self.ticket.config
        d = config.width
        self.add(
            Operation(
                Kind.LOAD,
                to_s=True,
                bits=config.residual_bits,
                embed_shift=config.embed_shift,
                destination=memory.residual,
                count=d,
                tensor="embed",
            )
        )
        for i, layer in enumerate(ticket.layers):
            self.block(f"layers.{i}", layer)
        self.norm("final_norm", d, memory.residual, memory.normed)
        # Scores that inhibit nothing but other sentences: less than 0 whatever stands there, so 0, or 127.
        self.add(
            Operation(
                Kind.CENTRE,
                to_s=True,
                relu=True,
                mask=True,
                operands=memory.scores,
                destination=memory.scores,
                immediate=-(1 << 15),
            )
        )
        self.add(
            Operation(
                Kind.INHIBIT,
                to_s=True,
                signed=True,
                bits=16,
                scalars=memory.normed,
                operands=memory.scores,
                destination=memory.queries,
                count=d,
                tensor="pool",
            )
        )
        self.norm("pool_norm", d, memory.queries, memory.keys)
        self.add_weights(
            Operation(
                Kind.CLASSIFY,
                from_a=True,
                to_a=True,
                operands=memory.keys,
                destination=memory.values,
                immediate=BYTES * config.classes,
                count=d,
                tensor="logits",
            ),
            ticket.classify_weight,
            ticket.classify_bias,
        )
        self.add(Operation(Kind.SEND, scalars=memory.values, count=config.classes))
        self.add(Operation(Kind.END))


def _compile(ticket: Ticket, lanes: int) -> _Compiler:
    config = ticket.config
    compiler = _Compiler(ticket, MemoryMap(config.width, lanes, config.hidden, config.classes))
    compiler.model()
    return compiler


def fit(ticket: Ticket, lanes: int = 64, stream_weights: bool = False) -> Machine:
    """The smallest machine of so many lanes that the ticket fits into.

    stream_weights: without a memory of weights. Raises as `compile_ticket` does.
    """
    made = _compile(ticket, lanes)
    memory, entries = made.memory, sum(made.entries_of)
    wanted = max(memory.width, -(-memory.rows_a // 8), -(-memory.rows_s // 4))
    machine = Machine(
        lanes,
        at_least(WIDTHS, wanted),
        0 if stream_weights else at_least(WEIGHT_DEPTHS[1:], entries),
        at_least(BIAS_DEPTHS, sum(map(len, made.biases))),
        at_least(OPERATIONS, len(made.operations)),
    )
    compile_ticket(ticket, machine)
    return machine


def compile_ticket(ticket: Ticket, machine: Machine) -> Program:
    """Everything the accelerator is loaded with for a ticket.

    Raises RangeError if an accumulator cannot be proved to fit from the weights, and UnsupportedError, naming
    the number that is too large and the parameter to raise, if the ticket does not fit the machine.
    """
    config = ticket.config
    if config.centring == "mean":
        raise UnsupportedError(
            "the accelerator refuses centring 'mean': it has no divider; use a ticket with 'min' or 'none'"
        )
    ranges.require(ticket, "rtl")
    made = _compile(ticket, machine.lanes)
    memory, entries = made.memory, sum(made.entries_of)
    for what, number, most, raise_, largest in (
        ("a residual stream of width", config.width, machine.width, "Width", WIDTHS[-1]),
        ("rows of memory A in number", memory.rows_a, machine.rows_a, "Width", 8 * WIDTHS[-1]),
        ("rows of memory S in number", memory.rows_s, machine.rows_s, "Width", 4 * WIDTHS[-1]),
        (
            "weight entries in number",
            0 if machine.streams_weights else entries,
            machine.weight_depth,
            f"WeightDepth, to {WEIGHT_DEPTHS[-1]} at most, or set it to 0 and stream them",
            math.inf,
        ),
        ("biases in number", sum(map(len, made.biases)), machine.bias_depth, "BiasDepth", BIAS_DEPTHS[-1]),
        (
            "operations in number",
            len(made.operations),
            machine.operations,
            "Operations",
            OPERATIONS[-1],
        ),
    ):
        if number > largest:
            raise UnsupportedError(
                f"the ticket has {what} {number}, too large for the accelerator: its largest {raise_} holds "
                f"{largest}. The emulator and ONNX run it"
            )
        if number > most:
            raise UnsupportedError(
                f"the ticket has {what} {number}; this accelerator holds {most}. Raise {raise_}"
            )
    return Program(
        machine,
        memory,
        tuple(made.operations),
        np.concatenate(made.entries),
        np.concatenate(made.biases),
        tuple(made.entries_of),
    )
