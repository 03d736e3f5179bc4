"""AXI-Stream ends: a source that sends frames, a sink that receives them and checks the protocol.

Both write after the falling clock edge and look when all has settled, before the rising edge that acts on it:
there every simulator shows the same values. During reset they are silent.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cocotb
from cocotb.queue import Queue
from cocotb.triggers import Event, FallingEdge, ReadOnly, SimTimeoutError, with_timeout

from hwsim.cosim.stalls import never

if TYPE_CHECKING:
    from hwsim.cosim.bench import Bench

PATIENCE = 10_000
"""Clocks to wait for a frame before the test fails."""


@dataclass
class Frame:
    """The beats up to one with tlast; without a tlast port every beat is a frame."""

    data: list[int]
    """tdata of every beat, unsigned."""
    user: list[int]
    """tuser of every beat; zeros if there is no such port."""
    cycle: int
    """`bench.cycle` when its last beat was offered and accepted; the next rising edge took it."""


class StreamEnd(ABC):
    """What source and sink have in common: the ports of one stream, the bench, stalls."""

    def __init__(self, bench: Bench, prefix: str, stalls: Iterator[bool] | None) -> None:
        self.bench, self.prefix = bench, prefix
        self.stalls = never() if stalls is None else stalls
        """May be replaced at any time."""
        self.tdata, self.tvalid, self.tready = (self._port(name) for name in ("tdata", "tvalid", "tready"))
        self.tlast, self.tuser = (self._port(name, optional=True) for name in ("tlast", "tuser"))

    def _port(self, name: str, optional: bool = False) -> Any:
        port = getattr(self.bench.dut, f"{self.prefix}_{name}", None)
        if port is None and not optional:
            raise AttributeError(f"{self.bench.dut._name} has no port {self.prefix}_{name}")
        return port

    def _read(self, port: Any) -> int:
        value = port.value
        assert value.is_resolvable, f"{port._name} is {value} in cycle {self.bench.cycle}"
        return int(value)

    @abstractmethod
    def clear(self) -> None:
        """Forget what is queued or half received."""

    @abstractmethod
    def left_over(self) -> str:
        """What there still is at the end of a test, in words; empty if nothing."""


class StreamSource(StreamEnd):
    """Drives a slave port of the design (`s_axis_*`)."""

    def __init__(self, bench: Bench, prefix: str = "s_axis", stalls: Iterator[bool] | None = None) -> None:
        super().__init__(bench, prefix, stalls)
        self._beats: deque[tuple[int, int, bool]] = deque()
        self._work, self._idle = Event(), Event()
        self._idle.set()
        self.tvalid.value = 0
        cocotb.start_soon(self._drive())

    def send(self, data: Sequence[int], user: Sequence[int] | int = 0) -> None:
        """Queue one frame: a word for each beat, and one tuser for all beats or one for each."""
        users = [user] * len(data) if isinstance(user, int) else user
        if not len(data) or len(users) != len(data):
            raise ValueError(f"a frame of {len(data)} beats with {len(users)} values of tuser")
        last = len(data) - 1
        for index, (word, value) in enumerate(zip(data, users, strict=True)):
            self._beats.append((int(word), int(value), index == last))
        self._idle.clear()
        self._work.set()

    async def drained(self) -> None:
        """Wait until every queued beat has been taken."""
        await self._idle.wait()

    def clear(self) -> None:
        self._beats.clear()

    def left_over(self) -> str:
        return f"{len(self._beats)} beats were never taken" if self._beats else ""

    async def _drive(self) -> None:
        offered = False
        while True:
            await FallingEdge(self.bench.clock)
            # A beat once offered stays until it is taken; only before that may the source stall.
            ready = bool(self._beats) and not self.bench.in_reset
            offered = ready and (offered or not next(self.stalls))
            self.tvalid.value = int(offered)
            if offered:
                self._offer(*self._beats[0])
                await ReadOnly()
                if self._read(self.tready):
                    self._beats.popleft()
                    offered = False
            elif not self._beats:
                self._idle.set()
                self._work.clear()
                await self._work.wait()

    def _offer(self, word: int, user: int, last: bool) -> None:
        self.tdata.value = word
        if self.tuser is not None:
            self.tuser.value = user
        if self.tlast is not None:
            self.tlast.value = int(last)


class StreamSink(StreamEnd):
    """Receives from a master port of the design (`m_axis_*`), and fails the test on a protocol error."""

    def __init__(self, bench: Bench, prefix: str = "m_axis", stalls: Iterator[bool] | None = None) -> None:
        super().__init__(bench, prefix, stalls)
        self._frames: Queue[Frame] = Queue()
        self._part: list[tuple[int, int]] = []
        self.tready.value = 0
        cocotb.start_soon(self._receive())

    async def receive(self, patience: int = PATIENCE) -> Frame:
        """The next frame. Raises AssertionError if none is complete within so many clocks."""
        if not self._frames.empty():
            return self._frames.get_nowait()
        try:
            return await with_timeout(self._frames.get(), patience * self.bench.period_ns, "ns")
        except SimTimeoutError:
            raise AssertionError(
                f"{self.prefix}: no frame within {patience} clocks; {len(self._part)} beats of it arrived"
            ) from None

    def clear(self) -> None:
        self._part.clear()
        while not self._frames.empty():
            self._frames.get_nowait()

    def left_over(self) -> str:
        if self._part:
            return f"{len(self._part)} beats of an unfinished frame were left over"
        return f"{self._frames.qsize()} frames were left over" if not self._frames.empty() else ""

    async def _receive(self) -> None:
        held: tuple[int, int, int] | None = None
        while True:
            await FallingEdge(self.bench.clock)
            if self.bench.in_reset:
                self.tready.value, held = 0, None
                continue
            ready = not next(self.stalls)
            self.tready.value = int(ready)
            await ReadOnly()
            beat = self._beat() if self._read(self.tvalid) else None
            assert held is None or beat is not None, f"{self.prefix}_tvalid fell before tready came"
            assert held is None or beat == held, (
                f"{self.prefix} changed under tvalid before tready: {held} to {beat}"
            )
            held = None if ready else beat
            if beat is not None and ready:
                self._take(*beat)

    def _beat(self) -> tuple[int, int, int]:
        user = 0 if self.tuser is None else self._read(self.tuser)
        return self._read(self.tdata), user, 1 if self.tlast is None else self._read(self.tlast)

    def _take(self, word: int, user: int, last: int) -> None:
        self._part.append((word, user))
        if last:
            data, users = zip(*self._part, strict=True)
            self._frames.put_nowait(Frame(list(data), list(users), self.bench.cycle))
            self._part = []
