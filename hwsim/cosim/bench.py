"""Clock, reset and the stream ends of one design under test."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, FallingEdge
from cocotb.utils import get_sim_time

from hwsim.cosim.stream import StreamEnd, StreamSink, StreamSource
from hwsim.pytest_plugin.design import PARAMETERS_VARIABLE


def parameters() -> dict[str, Any]:
    """The parameters that the simulated model was built with, as the mark `cocotb` gave them."""
    return json.loads(os.environ.get(PARAMETERS_VARIABLE, "{}"))


class Bench:
    """Starts the clock and holds the design in reset until `await bench.reset()`.

    Stream ends may be made before or after that; those made before are silent during the reset.
    """

    def __init__(
        self,
        dut: Any,
        clock: str = "clk_i",
        reset: str | None = "rst_ni",
        reset_active: int = 0,
        period_ns: int = 10,
    ) -> None:
        self.dut, self.period_ns = dut, period_ns
        self.clock = getattr(dut, clock)
        self.in_reset = reset is not None
        """True while the design is in reset: stream ends are silent."""
        self.ends: list[StreamEnd] = []
        self._reset = getattr(dut, reset) if reset is not None else None
        self._active = reset_active
        self._start = 0.0
        if self._reset is not None:
            self._reset.value = self._active
        Clock(self.clock, period_ns, "ns").start()

    def source(self, prefix: str = "s_axis", stalls: Iterator[bool] | None = None) -> StreamSource:
        """An end that sends frames to the ports `prefix`_tdata, _tvalid, _tready (and _tlast, _tuser)."""
        return self._add(StreamSource(self, prefix, stalls))

    def sink(self, prefix: str = "m_axis", stalls: Iterator[bool] | None = None) -> StreamSink:
        """An end that receives from the ports `prefix`_tdata, _tvalid, _tready (and _tlast, _tuser)."""
        return self._add(StreamSink(self, prefix, stalls))

    def _add(self, end: Any) -> Any:
        self.ends.append(end)
        return end

    @property
    def cycle(self) -> int:
        """Rising clock edges since the last reset ended (at a falling edge)."""
        return int((get_sim_time("ns") - self._start) / self.period_ns + 0.5)

    async def clocks(self, count: int = 1) -> None:
        """Wait for `count` rising edges."""
        await ClockCycles(self.clock, count)

    async def reset(self, clocks: int = 3) -> Bench:
        """Hold the reset for so many clocks. Whatever the stream ends had queued or received is forgotten.

        Returns the bench itself.
        """
        self.in_reset = True
        await FallingEdge(self.clock)
        for end in self.ends:
            end.clear()
        if self._reset is not None:
            self._reset.value = self._active
            for _ in range(clocks):
                await FallingEdge(self.clock)
            self._reset.value = 1 - self._active
        self._start = get_sim_time("ns")
        self.in_reset = False
        return self

    async def finish(self, clocks: int = 20) -> None:
        """Wait so many clocks, then raise AssertionError if anything is left over in any stream end."""
        await self.clocks(clocks)
        for end in self.ends:
            left = end.left_over()
            assert not left, f"{end.prefix}: {left} at the end of the test"
