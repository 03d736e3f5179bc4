"""The board's top, simulated down to the serial line, with the real host at the other end."""

from __future__ import annotations

import cocotb
import numpy as np
import pytest
from cocotb.task import bridge, resume
from cocotb.triggers import ClockCycles, FallingEdge

from hwsim import HwsimError, ModelConfig, forward, random_ticket
from hwsim.accelerator import compile_ticket, frame
from hwsim.cosim import Bench
from hwsim.make import random_tokens
from hwsim.rtl import sources
from hwsim.rtl.accelerator import ABORT, CLEAR, CONTROL, PROGRAM, RUN
from hwsim.rtl.serial_host import STATUS, SerialHost

CLOCKS = 4
SMALL = {
    "ClocksPerBit": CLOCKS,
    "Lanes": 8,
    "Width": 32,
    "WeightDepth": 2048,
    "BiasDepth": 256,
    "Operations": 64,
}
CONFIG = ModelConfig(vocabulary=20, max_tokens=8, width=16, heads=2, layers=1, hidden=8, classes=2)

pytestmark = pytest.mark.cocotb(toplevel="ulx3s", sources=sources("ulx3s"), parameters=[SMALL])


class Line:
    """The simulated serial line, bit by bit, as a blocking port for the host's thread."""

    def __init__(self, dut) -> None:
        self.dut, self.received = dut, bytearray()
        dut.serial_i.value = 1
        cocotb.start_soon(self._listen())

    async def _listen(self) -> None:
        while True:
            await FallingEdge(self.dut.serial_o)
            await ClockCycles(self.dut.clk_i, CLOCKS // 2)
            value = 0
            for bit in range(8):
                await ClockCycles(self.dut.clk_i, CLOCKS)
                value |= int(self.dut.serial_o.value) << bit
            self.received.append(value)

    @resume
    async def write(self, data: bytes) -> None:
        for value in data:
            for bit in (0, *(value >> i & 1 for i in range(8)), 1):
                self.dut.serial_i.value = bit
                await ClockCycles(self.dut.clk_i, CLOCKS)

    @resume
    async def read(self, size: int) -> bytes:
        for _ in range(4000):
            if len(self.received) >= size:
                break
            await ClockCycles(self.dut.clk_i, 20)
        data = bytes(self.received[:size])
        del self.received[:size]
        return data


async def start(dut) -> Line:
    bench = Bench(dut)
    line = Line(dut)
    await bench.reset(8)
    await bench.clocks(8)
    return line


@cocotb.test()
async def the_host_loads_a_ticket_and_gets_its_logits(dut):
    line = await start(dut)
    ticket = random_ticket(CONFIG, 1, 0.1)
    ids, mask = random_tokens(CONFIG, 3, 1)

    def host_side() -> list[np.ndarray]:
        host = SerialHost(line)
        machine = host.machine()
        assert machine.parameters | {"ClocksPerBit": CLOCKS} == SMALL
        host.load(compile_ticket(ticket, machine))
        logits = []
        for i in range(len(ids)):
            made = frame(mask[i : i + 1], machine.lanes)
            logits.append(host.run(made.beats(ticket, ids[i : i + 1]), 1)[0])
            assert host.cycles() > 0
        return logits

    logits = await bridge(host_side)()
    np.testing.assert_array_equal(logits, forward(ticket, ids, mask).logits)
    assert int(dut.light_o.value) == 0 and int(dut.wifi_o.value) == 1


@cocotb.test()
async def what_goes_wrong_is_said(dut):
    line = await start(dut)

    def host_side() -> None:
        host = SerialHost(line)
        with pytest.raises(HwsimError, match="refuses to read register 0x40"):
            host.read(0x40)
        with pytest.raises(HwsimError, match="refuses to write register 0x00"):
            host.write(0x00, [1])
        # Nothing was loaded, so nobody takes beats: the second is lost, and the light says so.
        host.classes = 2
        with pytest.raises(HwsimError, match="does not answer"):
            host.run(np.arange(3), 1)

    await bridge(host_side)()
    assert int(dut.light_o.value) == 0x80


@cocotb.test()
async def errors_are_shown_by_the_lights_until_abort(dut):
    line = await start(dut)
    host = await bridge(lambda: SerialHost(line))()

    def refused() -> None:
        for register in (0x41, 0xA2, 0xFF):
            with pytest.raises(HwsimError, match="refuses to read"):
                host.read(register)
            with pytest.raises(HwsimError, match="refuses to write"):
                host.write(register, [0])

    def run(*words: int) -> None:
        host.write(CONTROL, [ABORT])
        host.write(CLEAR, [7])
        host.write(PROGRAM, words)
        host.write(CONTROL, [RUN])

    await bridge(refused)()
    # No end; no such kind; four bits.
    for words, code in (((), 3), ((15, 0, 0, 0), 1), ((0x3047, 0, 0, 1 << 16), 1)):
        await bridge(run)(*words)
        assert int(dut.light_o.value) == code
        assert await bridge(host.read)(STATUS) >> 8 & 15 == code
    await bridge(lambda: host.write(CONTROL, [ABORT]))()
    assert int(dut.light_o.value) == 0


@cocotb.test()
async def a_reset_in_mid_packet_is_recovered_from(dut):
    line = await start(dut)
    await bridge(lambda: line.write(b"W\x08\x01"))()
    dut.rst_ni.value = 0
    await ClockCycles(dut.clk_i, 8)
    dut.rst_ni.value = 1
    await ClockCycles(dut.clk_i, 8)
    line.received.clear()
    machine = await bridge(lambda: SerialHost(line).machine())()
    assert machine.lanes == SMALL["Lanes"]
