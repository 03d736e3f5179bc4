"""When a stream end holds back: endless iterators of one bool a clock, true to stall in that clock."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator


def never() -> Iterator[bool]:
    """Always willing: full throughput."""
    return itertools.repeat(False)


def randomly(probability: float = 0.5) -> Iterator[bool]:
    """Stall in each clock with this probability.

    Draws from a generator of its own, seeded from cocotb's seed for the test: repeatable with --rtl-seed.
    """
    own = random.Random(random.getrandbits(64))
    return (own.random() < probability for _ in itertools.count())


def bursts(longest: int = 8) -> Iterator[bool]:
    """Runs of 1..longest willing clocks and of 1..longest stalled ones, in turn."""
    own = random.Random(random.getrandbits(64))
    for stall in itertools.cycle((False, True)):
        yield from itertools.repeat(stall, own.randint(1, longest))


def pattern(text: str) -> Iterator[bool]:
    """A repeated pattern of `.` (willing) and `#` (stall), such as "..#" or "####.".

    Raises ValueError if it holds other characters or never is willing.
    """
    if set(text) - set(".#") or "." not in text:
        raise ValueError(f"a stall pattern holds '.' and '#', at least one '.', not {text!r}")
    return itertools.cycle(character == "#" for character in text)
