"""A program: operations, a stream of weight entries, biases and a map of the memories."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwsim import digits
from hwsim.accelerator.machine import Machine
from hwsim.accelerator.memory import MemoryMap
from hwsim.accelerator.operations import Operation


@dataclass(frozen=True)
class Program:
    """What the accelerator is loaded with."""

    machine: Machine
    memory: MemoryMap
    operations: tuple[Operation, ...]
    entries: np.ndarray
    """uint16 [entries]: weight entries (`hwsim.digits.DigitStream`), in the order they are read."""
    biases: np.ndarray
    """uint32 [rows], in the order they are read; see `bias_words`."""
    entries_of: tuple[int, ...]
    """Weight entries that each operation reads."""

    def words(self) -> np.ndarray:
        """uint32 [4 * operations]: the program as it is loaded."""
        return np.concatenate([operation.words() for operation in self.operations])


def bias_words(bias: np.ndarray, entries: np.ndarray) -> np.ndarray:
    """uint32 [rows]: how the biases int [rows] of a digit stream enter the sums of its rows.

    A row that is doubled P times starts from bias >> P, in bits 23:0; each doubling, which leaves the lowest
    bit of the sum free, puts the next bit of the bias there: bits 24 and up, the highest first.
    """
    ends = np.flatnonzero(entries & digits.LAST)
    doubled = np.cumsum(entries & digits.DOUBLE != 0)[ends]
    doublings = np.diff(doubled, prepend=0)
    words = (bias.astype(np.int64) >> doublings) & 0xFFFFFF
    for bit in range(int(doublings.max(initial=0))):
        place = np.maximum(doublings - 1 - bit, 0)
        words |= np.where(bit < doublings, (bias >> place & 1) << (24 + bit), 0)
    return words.astype(np.uint32)


def disassemble(words: np.ndarray) -> list[Operation]:
    """The operations of program words uint32 [4 * operations]. Raises HwsimError for an unknown kind."""
    return [Operation.from_words(row) for row in np.asarray(words).reshape(-1, 4)]
