"""The twin's compiler: the inhibitor's program with another attention, and weights of eight bits."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from hwsim.accelerator.compiler import _compile
from hwsim.accelerator.machine import Machine
from hwsim.accelerator.memory import BYTES
from hwsim.accelerator.operations import Kind, Operation
from hwsim.accelerator.program import Program
from hwsim.baseline.model import SOFTMAX_SHIFT
from hwsim.digits import GAP_BITS, SKIP
from hwsim.errors import RangeError, UnsupportedError
from hwsim.ticket import Ticket

WEIGHT_BITS = 8
LAST = 1 << (WEIGHT_BITS + GAP_BITS)
ENTRY_BITS = WEIGHT_BITS + GAP_BITS + 1
SUM_LIMIT = 1 << 23


@dataclass(frozen=True)
class DotMachine(Machine):
    """Parameters of `rtl/baseline/dot_accelerator.v`: those of the accelerator, and how it multiplies."""

    hard: bool = False
    """By DSP blocks; else by adders."""

    @property
    def parameters(self) -> dict[str, int]:
        """By the names of the Verilog."""
        return super().parameters | {"Hard": int(self.hard)}


def encode(weight: np.ndarray, dense: bool = False) -> np.ndarray:
    """The stream of weights int8 [outputs, inputs]: uint16 {last, gap[5:0], weight[7:0]}, row after row.

    dense: zeros are stored, too, as a machine without gaps would.
    """
    entries: list[int] = []
    for row in weight:
        index = -1
        for place in range(len(row)) if dense else np.flatnonzero(row).tolist():
            gap = place - index - 1
            entries += [SKIP << WEIGHT_BITS] * (gap // SKIP)
            entries.append(gap % SKIP << WEIGHT_BITS | int(row[place]) & 255)
            index = place
        if index < 0:
            entries.append(SKIP << WEIGHT_BITS)
        entries[-1] |= LAST
    return np.array(entries, np.uint16)


def compile_dot(ticket: Ticket, machine: Machine, dense: bool = False) -> Program:
    """Everything the twin is loaded with for a ticket.

    Raises UnsupportedError if the ticket does not fit, or is not centred by the minimum (whose place in the
    program softmax takes), and RangeError if a sum of a row may leave 24 bits.
    """
    if ticket.config.centring != "min":
        raise UnsupportedError("the baseline's softmax takes the place of centring 'min'; use such a ticket")
    linears = [(linear.weight, linear.bias) for _, linear in ticket.encoder()]
    linears.append((ticket.classify_weight, ticket.classify_bias))
    made, streams, biases = _compile(ticket, machine.lanes), iter(linears), []
    operations: list[Operation] = []
    entries: list[np.ndarray] = []
    counts: list[int] = []
    for operation in made.operations:
        stream = np.zeros(0, np.uint16)
        if operation.kind in (Kind.LINEAR, Kind.CLASSIFY):
            weight, bias = next(streams)
            largest = int(
                (np.abs(weight.astype(np.int64)).sum(axis=1) * 127 + np.abs(bias.astype(np.int64))).max()
            )
            if largest >= SUM_LIMIT:
                raise RangeError(
                    f"{operation.tensor}: a row's sum may reach {largest}; 24 bits hold {SUM_LIMIT - 1}"
                )
            stream = encode(weight, dense)
            if operation.kind is Kind.CLASSIFY:
                again = np.full(BYTES - 1, SKIP << WEIGHT_BITS | LAST, np.uint16)
                rows = np.split(stream, np.flatnonzero(stream & LAST) + 1)[:-1]
                stream = np.concatenate([np.append(row, again) for row in rows])
            biases.append((bias.astype(np.int64) & 0xFFFFFF).astype(np.uint32))
        replaced = _softmax(operation, machine.lanes) if operation.kind is Kind.CENTRE else [operation]
        operations += replaced
        counts += [len(stream)] + [0] * (len(replaced) - 1)
        entries.append(stream)
    program = Program(
        machine,
        made.memory,
        tuple(operations),
        np.concatenate(entries),
        np.concatenate(biases),
        tuple(counts),
    )
    _check(program)
    return program


def _softmax(centre: Operation, lanes: int) -> list[Operation]:
    """Distances from the largest score, then shares; of all lanes, since a norm's count is fixed.

    A centred row starts from 1: the hardware adds the complement of its minimum.
    """
    return [
        replace(centre, immediate=1 if centre.centre else centre.immediate, count=lanes, tensor="", part=0),
        Operation(
            Kind.NORM,
            to_s=True,
            signed=True,
            shift=SOFTMAX_SHIFT,
            operands=centre.destination,
            destination=centre.destination,
            count=lanes,
            tensor=centre.tensor,
            part=centre.part,
        ),
    ]


def _check(program: Program) -> None:
    machine, memory = program.machine, program.memory
    for what, number, most, parameter in (
        ("rows of memory A", memory.rows_a, machine.rows_a, "Width"),
        ("rows of memory S", memory.rows_s, machine.rows_s, "Width"),
        ("operations", len(program.operations), machine.operations, "Operations"),
        ("biases", len(program.biases), machine.bias_depth, "BiasDepth"),
        (
            "weights",
            0 if machine.streams_weights else len(program.entries),
            machine.weight_depth,
            "WeightDepth",
        ),
    ):
        if number > most:
            raise UnsupportedError(
                f"the ticket needs {number} {what}; this twin holds {most}. Raise {parameter}"
            )
