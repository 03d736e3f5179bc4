"""What every stream module goes through: stalls at all ends, frames back to back, a reset in mid-frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hwsim.cosim import Bench, Scoreboard, bursts, never, randomly, to_words

BOTH = ("verilator", "icarus")
STRICT = {"verilator": ["-Wall"], "icarus": ["-g2005", "-Wall"]}
STALLS = {"never": never, "randomly": randomly, "bursts": bursts}


@dataclass(frozen=True)
class Input:
    """One stream of one frame: integers [beats, lanes] (or [beats]) of `bits` bits each, and their tuser."""

    values: np.ndarray
    bits: int = 8
    user: Sequence[int] | int = 0


@dataclass(frozen=True)
class Frame:
    """What goes into each slave stream, and what must come out of m_axis: integers [words, lanes]."""

    inputs: Mapping[str, Input]
    expected: np.ndarray


class Streams:
    """A module with all its streams; `bits` is the width of a lane of m_axis."""

    def __init__(
        self, dut: Any, prefixes: Sequence[str], bits: int, lanes: int, stalls: str = "randomly"
    ) -> None:
        self.bench, self.bits, self.lanes = Bench(dut), bits, lanes
        self.sources = {prefix: self.bench.source(prefix, STALLS[stalls]()) for prefix in prefixes}
        self.sink = self.bench.sink(stalls=STALLS[stalls]())

    def send(self, frame: Frame) -> None:
        """Queue all beats of a frame; the sources do not wait for each other."""
        for prefix, part in frame.inputs.items():
            self.sources[prefix].send(to_words(part.values, part.bits), part.user)

    async def back_to_back(self, frames: Sequence[Frame]) -> None:
        """Queue all frames at once, compare every word, and see that nothing is left over."""
        await self.bench.reset()
        board = Scoreboard(self.sink, self.bits, self.lanes)
        for frame in frames:
            self.send(frame)
            board.expect(frame.expected)
        await board.check()

    async def reset_in_mid_frame(self, cut: Frame, whole: Frame) -> None:
        """Cut a frame off by a reset at many different moments: the next one must not notice."""
        beats = sum(len(part.values) for part in cut.inputs.values())
        for moment in np.unique(np.linspace(1, 2 * beats, 8).astype(int)):
            await self.bench.reset()
            self.send(cut)
            await self.bench.clocks(int(moment))
            await self.back_to_back([whole])
