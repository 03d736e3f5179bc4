"""The operations of the accelerator as 128-bit words, and back.

word 0  [3:0] kind, [4] from A, [5] to A, [6] to S, [7] residual, [8] relu, [9] centre, [10] mask,
        [11] signed, [15:12] bits - 1, [20:16] shift, [23:21] embed shift
word 1  [11:0] scalars, a row of A; [27:16] operands, a row of A or S
word 2  [11:0] destination, a row of A or S; [27:16] the residual's row in S
word 3  [15:0] immediate; [27:16] count
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np

from hwsim.errors import HwsimError

LARGEST_ADDRESS = (1 << 12) - 1


class Kind(IntEnum):
    """What an operation does; n stands for the real tokens, c for its count."""

    END = 0
    LOAD = 1
    """A frame of c features into the lanes."""
    LINEAR = 2
    """Rows of weight entries over c inputs; `immediate` rows."""
    CLASSIFY = 3
    """The same, and three rows of one byte each instead of one; `immediate` counts all of them."""
    SCORE = 4
    """A row a key: sums of |q - k| over c features, starting from `immediate`."""
    CENTRE = 5
    """One operand a row, plus `immediate`; c rows, or one a key if c is 0."""
    INHIBIT = 6
    """c rows, one a feature: sums over all keys."""
    NORM = 7
    """c rows, divided by their Manhattan norm; the shift is the one of a norm of 2^23."""
    SEND = 8
    """c logits of every reporting lane."""


_FLAGS = ("from_a", "to_a", "to_s", "add_residual", "relu", "centre", "mask", "signed")


@dataclass(frozen=True)
class Operation:
    """One operation. `tensor` and `part` say what it computes and are not part of the word."""

    kind: Kind
    from_a: bool = False
    """Operands come from A; else from S."""
    to_a: bool = False
    to_s: bool = False
    add_residual: bool = False
    relu: bool = False
    centre: bool = False
    """Subtract each lane's smallest score."""
    mask: bool = False
    """The largest number of `bits` bits where the key is padding or of another sentence."""
    signed: bool = False
    """Inhibit negative values, too; else they count as 0."""
    bits: int = 8
    """Of what is written, 8..16."""
    shift: int = 0
    embed_shift: int = 0
    scalars: int = 0
    operands: int = 0
    destination: int = 0
    residual: int = 0
    immediate: int = 0
    """-32768..32767."""
    count: int = 0
    tensor: str = ""
    """The named tensor that its rows are, if they are one."""
    part: int = 0
    """Which head of the tensor."""

    def words(self) -> np.ndarray:
        """uint32 [4]. Raises HwsimError, naming the field, if a number does not fit its field."""
        limits = {"shift": 31, "embed_shift": 7} | dict.fromkeys(
            ("scalars", "operands", "destination", "residual", "count"), LARGEST_ADDRESS
        )
        for name, most in limits.items():
            if not 0 <= getattr(self, name) <= most:
                raise HwsimError(f"operation {self.kind.name}: {name} is {getattr(self, name)}; 0..{most}")
        if not -(1 << 15) <= self.immediate < 1 << 15:
            raise HwsimError(f"operation {self.kind.name}: immediate is {self.immediate}; 16 bits hold it")
        if not 1 <= self.bits <= 16:
            raise HwsimError(f"operation {self.kind.name}: bits is {self.bits}; 1..16")
        first = int(self.kind) | (self.bits - 1) << 12 | self.shift << 16 | self.embed_shift << 21
        for bit, flag in enumerate(_FLAGS, 4):
            first |= int(getattr(self, flag)) << bit
        return np.array(
            [
                first,
                self.scalars | self.operands << 16,
                self.destination | self.residual << 16,
                (self.immediate & 0xFFFF) | self.count << 16,
            ],
            np.uint32,
        )

    @classmethod
    def from_words(cls, words: np.ndarray) -> Operation:
        """The operation of four words. Raises HwsimError for an unknown kind."""
        first, second, third, fourth = (int(word) for word in words)
        if first & 15 > max(Kind):
            raise HwsimError(f"a program word has kind {first & 15}; the kinds are 0..{max(Kind)}")
        immediate = fourth & 0xFFFF
        flags: dict[str, Any] = {flag: bool(first >> bit & 1) for bit, flag in enumerate(_FLAGS, 4)}
        return cls(
            Kind(first & 15),
            **flags,
            bits=(first >> 12 & 15) + 1,
            shift=first >> 16 & 31,
            embed_shift=first >> 21 & 7,
            scalars=second & 0xFFF,
            operands=second >> 16 & 0xFFF,
            destination=third & 0xFFF,
            residual=third >> 16 & 0xFFF,
            immediate=immediate - (immediate >> 15 << 16),
            count=fourth >> 16 & 0xFFF,
        )

    def __str__(self) -> str:
        """Assembly: kind, source, destination, modifiers; what the words alone say."""
        kind = self.kind
        if kind is Kind.END:
            return "end"
        memory = "A" if self.from_a else "S"
        source = {
            Kind.LOAD: f"frame of {self.count}",
            Kind.SEND: f"A{self.scalars} x {self.count}",
            Kind.SCORE: f"|S{self.operands} - A{self.scalars}| x {self.count}",
            Kind.INHIBIT: f"{'signed' if self.signed else 'unsigned'} A{self.scalars} - S{self.operands}"
            f" x {self.count}",
        }.get(kind, f"{memory}{self.operands} x {self.count or 'keys'}")
        text = f"{kind.name.lower():8} {source}"
        if kind in (Kind.LINEAR, Kind.CLASSIFY):
            text += f", {self.immediate} rows"
        elif self.immediate:
            text += f", {self.immediate:+}"
        if kind is Kind.LOAD:
            text += f" << {self.embed_shift}"
        if self.shift:
            text += f" >> {self.shift}"
        if self.centre:
            text += ", - minimum"
        if self.add_residual:
            text += f", + S{self.residual}"
        if kind is not Kind.SEND:
            place = "A" if self.to_a else "S"
            text += f" -> {place}{self.destination}, {self.bits} bits"
            text += ", relu" * self.relu + ", mask" * self.mask
        return text
