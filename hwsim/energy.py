"""Energy of an operation and of a memory read at 45 nm and 0.9 V, from one cited table.

M. Horowitz, "Computing's energy problem (and what we can do about it)", ISSCC 2014, figure 1.1.9. The
figures below were taken from works that reprint that table (for 32-bit values PMC8934428, table 3; the
others from lecture notes that agree with one another), not from the paper itself. A comparison counts as
an addition. They are a yardstick for comparing models, not a prediction for a chip: control, clock, wires
and writes are left out for every model alike.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

PICOJOULES = {
    "int8_add": 0.03,
    "int32_add": 0.1,
    "int8_multiply": 0.2,
    "int32_multiply": 3.1,
    "float32_add": 0.9,
    "float32_multiply": 3.7,
}
"""Per operation. Integers wider than 8 bits count as 32 bits wide: the table has nothing between."""

MEMORIES = (("8 KB SRAM", 8 << 10, 10.0), ("32 KB SRAM", 32 << 10, 20.0), ("1 MB SRAM", 1 << 20, 100.0))
"""(name, bytes, picojoules for 64 bits read)."""

DRAM = ("DRAM", 1300.0)
"""The low end of the table's 1300 to 2600 pJ for 64 bits read."""

WORD = 64


def memory_for(size: int) -> tuple[str, float]:
    """(name, picojoules for 64 bits read) of the smallest memory of the table that holds `size` bytes."""
    for name, most, cost in MEMORIES:
        if size <= most:
            return name, cost
    return DRAM


@dataclass(frozen=True)
class Work:
    """What a computation does."""

    operations: Counter[str]
    """By the names of PICOJOULES."""
    once: int = 0
    """Bits of activations read if every tensor is read once by each operator that takes it."""
    each_use: int = 0
    """Bits of activations read if every operation fetches its operands."""

    def __add__(self, other: Work) -> Work:
        return Work(
            self.operations + other.operations, self.once + other.once, self.each_use + other.each_use
        )

    def times(self, count: int) -> Work:
        """The same work `count` times over."""
        repeated = Counter({name: count * number for name, number in self.operations.items()})
        return Work(repeated, count * self.once, count * self.each_use)

    @property
    def adds(self) -> int:
        """Additions, subtractions and comparisons."""
        return sum(number for name, number in self.operations.items() if name.endswith("_add"))

    @property
    def multiplies(self) -> int:
        """Multiplications (and divisions, which count as one)."""
        return sum(number for name, number in self.operations.items() if name.endswith("_multiply"))

    @property
    def picojoules(self) -> float:
        """Energy of the operations."""
        return sum(PICOJOULES[name] * number for name, number in self.operations.items())


def work(once: int = 0, each_use: int = 0, **operations: int) -> Work:
    """Work from keyword counts."""
    return Work(Counter({name: number for name, number in operations.items() if number}), once, each_use)
