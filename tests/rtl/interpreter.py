"""The accelerator's operations in NumPy, row by row: what a program does to the two memories.

Written from docs/accelerator.md, not from the Verilog, for programs that no compiler makes.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hwsim import ops
from hwsim.accelerator import Frame, Kind, Machine, Operation
from hwsim.accelerator.frame import REAL
from hwsim.digits import DOUBLE, LAST, SIGN, SKIP
from hwsim.ops.manhattan_norm import RECIPROCAL


class Interpreter:
    """Both memories, the lanes' tags, and the streams of entries and biases."""

    def __init__(self, machine: Machine, frame: Frame, entries: np.ndarray, biases: np.ndarray) -> None:
        self.lanes = machine.lanes
        self.a = np.zeros((machine.rows_a, machine.lanes), np.int64)
        self.s = np.zeros((machine.rows_s, machine.lanes), np.int64)
        tags = np.zeros(machine.lanes, int)
        tags[: len(frame.tags)] = frame.tags
        self.segment, self.real, self.keys = tags & 15, tags & REAL != 0, frame.keys
        self.minimum = np.full(machine.lanes, 32767)
        self._entries, self._biases = iter(entries.tolist()), iter(biases.tolist())

    def run(self, operation: Operation, features: np.ndarray) -> np.ndarray:
        """The rows [rows, lanes] that an operation writes; features: int [d, lanes], embedded, for a load."""
        rows = []
        for row, value in enumerate(getattr(self, f"_{operation.kind.name.lower()}")(operation, features)):
            written = self._out(operation, row, value)
            rows.append(written)
            if operation.kind is Kind.SCORE:
                own = self.real[row] & (self.segment == self.segment[row])
                self.minimum = np.where(own, np.minimum(self.minimum, written), self.minimum)
            memory = self.a if operation.to_a else self.s
            memory[operation.destination + row] = written
        return np.array(rows)

    def _out(self, operation: Operation, row: int, value: np.ndarray) -> np.ndarray:
        """Round, add, saturate, mask."""
        if operation.kind is Kind.CLASSIFY:
            octet = (value >> 8 * (row % 3)) & 255
            return (octet ^ 128) - 128
        shift = self.shift if operation.kind is Kind.NORM else operation.shift
        y = ops.round_shift(value, shift)
        if operation.add_residual:
            y = y + self.s[operation.residual + row]
        if operation.centre:
            y = y - self.minimum
        y = ops.saturate(y, operation.bits).astype(np.int64)
        if operation.relu:
            y = np.maximum(y, 0)
        if operation.mask:
            key = row % self.lanes
            own = self.real[key] & (self.segment == self.segment[key])
            y = np.where(own, y, ops.largest(operation.bits))
        return y

    def _load(self, operation: Operation, features: np.ndarray) -> Iterator[np.ndarray]:
        yield from features << operation.embed_shift

    def _linear(self, operation: Operation, _: np.ndarray) -> Iterator[np.ndarray]:
        for _row in range(operation.immediate):
            yield self._row(operation)

    def _classify(self, operation: Operation, _: np.ndarray) -> Iterator[np.ndarray]:
        for _logit in range(operation.immediate // 3):
            value = self._row(operation)
            yield value
            for _byte in range(2):
                assert next(self._entries) == SKIP | LAST
                yield value

    def _row(self, operation: Operation) -> np.ndarray:
        """One row of entries; a bias comes in pieces, each doubling brings its next bit."""
        word = next(self._biases)
        start, later = word & 0xFFFFFF, word >> 24
        total = np.full(self.lanes, (start ^ 1 << 23) - (1 << 23), np.int64)
        index = -1
        while True:
            entry = next(self._entries)
            if entry & DOUBLE:
                total, index, later = 2 * total + (later & 1), -1, later >> 1
            gap = entry & SKIP
            index += SKIP if gap == SKIP else gap + 1
            if gap != SKIP:
                operand = self.a[operation.operands + index]
                total = total - operand if entry & SIGN else total + operand
            if entry & LAST:
                return total

    def _score(self, operation: Operation, _: np.ndarray) -> Iterator[np.ndarray]:
        self.minimum = np.full(self.lanes, 32767)
        for key in range(self.keys):
            keys = self.a[operation.scalars : operation.scalars + operation.count, key, None]
            queries = self.s[operation.operands : operation.operands + operation.count]
            yield operation.immediate + np.abs(queries - keys).sum(axis=0)

    def _centre(self, operation: Operation, _: np.ndarray) -> Iterator[np.ndarray]:
        for row in range(operation.count or self.keys):
            yield operation.immediate + self.s[operation.operands + row]

    def _inhibit(self, operation: Operation, _: np.ndarray) -> Iterator[np.ndarray]:
        z = self.s[operation.operands : operation.operands + self.keys]
        for feature in range(operation.count):
            v = self.a[operation.scalars + feature, : self.keys, None]
            magnitude = np.abs(v) if operation.signed else np.maximum(v, 0)
            yield (np.where(v < 0, -1, 1) * np.maximum(magnitude - z, 0)).sum(axis=0)

    def _norm(self, operation: Operation, _: np.ndarray) -> Iterator[np.ndarray]:
        memory = self.a if operation.from_a else self.s
        x = memory[operation.operands : operation.operands + operation.count].copy()
        norm = np.maximum(np.abs(x).sum(axis=0), 1)
        exponent = np.array([int(n).bit_length() - 1 for n in norm])
        mantissa = ((8 * norm) >> exponent) - 8
        # The largest shift belongs to an exponent of 23; each one less takes one off, down to 0.
        self.shift = np.maximum(operation.shift - (23 - exponent), 0)
        yield from x * RECIPROCAL[mantissa]
