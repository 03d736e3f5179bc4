"""Frames of a sink against integer arrays, usually results of the NumPy operators."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from hwsim.cosim.stream import PATIENCE, StreamSink
from hwsim.cosim.words import from_words


class Scoreboard:
    """Expected frames in order; `await check()` compares every value and that nothing is left over."""

    def __init__(self, sink: StreamSink, bits: int, lanes: int | None = None, signed: bool = True) -> None:
        """bits: width of a lane. lanes: give it to have expected arrays of any shape cut into beats."""
        self.sink, self.bits, self.lanes, self.signed = sink, bits, lanes, signed
        self.frames = 0
        """Frames compared so far."""
        self._expected: deque[tuple[str, np.ndarray, list[int] | None]] = deque()

    def expect(self, values: np.ndarray, name: str = "", user: Sequence[int] | None = None) -> Scoreboard:
        """The next frame will be these integers [beats, lanes] (or [beats]: one lane), its tuser these.

        Returns the scoreboard itself.
        """
        values = np.asarray(values)
        lanes = self.lanes or (values.shape[1] if values.ndim == 2 else 1)
        self._expected.append((name, values.reshape(-1, lanes), None if user is None else list(user)))
        return self

    async def check(self, patience: int = PATIENCE) -> None:
        """Receive and compare all expected frames, then see that no stream end has anything left over.

        Raises AssertionError naming the first frame, beat and lane that differ, both values, and the cycle.
        """
        while self._expected:
            await self._compare(*self._expected.popleft(), patience)
            self.frames += 1
        await self.sink.bench.finish()

    async def _compare(self, name: str, values: np.ndarray, user: list[int] | None, patience: int) -> None:
        where = f"{self.sink.prefix}, frame {self.frames}" + (f" ({name})" if name else "")
        try:
            frame = await self.sink.receive(patience)
        except AssertionError as error:
            raise AssertionError(f"{where}: {error}") from None
        where += f", complete in cycle {frame.cycle}"
        assert len(frame.data) == len(values), f"{where}: {len(frame.data)} beats; expected {len(values)}"
        actual = from_words(frame.data, self.bits, values.shape[1], self.signed)
        wrong = np.argwhere(actual != values)
        if len(wrong):
            beat, lane = wrong[0]
            raise AssertionError(
                f"{where}, beat {beat}, lane {lane}: expected {values[beat, lane]}, got {actual[beat, lane]} "
                f"({len(wrong)} of {values.size} values differ)"
            )
        assert user is None or frame.user == user, f"{where}: tuser {frame.user}; expected {user}"
