"""The registers alone: counters of numbers that a simulated run does not reach, writes of every kind."""

from __future__ import annotations

import random

import cocotb
import pytest
from cocotb.triggers import FallingEdge

from hwsim.cosim import Bench
from hwsim.rtl import sources

pytestmark = pytest.mark.cocotb(
    toplevel="axi_lite_registers", sources=sources("axi_lite_registers"), simulators=("verilator", "icarus")
)
CONTROL, STATUS, CYCLES, STALLS, RUNS = 0x08, 0x0C, 0x10, 0x14, 0x18
PROGRAM, WEIGHTS, BIASES, CLEAR = 0x20, 0x24, 0x28, 0x2C


async def read(dut, address: int) -> tuple[int, int]:
    """(data, response), taken some clocks after it is offered."""
    dut.s_axil_araddr.value, dut.s_axil_arvalid.value = address, 1
    await FallingEdge(dut.clk_i)
    dut.s_axil_arvalid.value = 0
    for _ in range(random.randrange(3)):
        assert dut.s_axil_rvalid.value == 1 and dut.s_axil_arready.value == 0
        await FallingEdge(dut.clk_i)
    dut.s_axil_rready.value = 1
    found = int(dut.s_axil_rdata.value), int(dut.s_axil_rresp.value)
    await FallingEdge(dut.clk_i)
    dut.s_axil_rready.value = 0
    assert dut.s_axil_rvalid.value == 0
    return found


async def start(dut) -> Bench:
    """Reset, with all inputs 0."""
    for name in ("awvalid", "wvalid", "awaddr", "wdata", "wstrb", "bready", "arvalid", "araddr", "rready"):
        getattr(dut, f"s_axil_{name}").value = 0
    for name in ("idle", "done", "cycles", "stalls", "error", "number"):
        getattr(dut, f"{name}_i").value = 0
    return await Bench(dut).reset()


@cocotb.test()
async def what_the_last_run_left_is_shown(dut):
    await start(dut)
    cycles = stalls = 0
    for runs in range(1, 200):
        cycles, stalls = random.getrandbits(32), random.getrandbits(32)
        dut.cycles_i.value, dut.stalls_i.value, dut.done_i.value = cycles, stalls, 1
        await FallingEdge(dut.clk_i)
        dut.cycles_i.value, dut.stalls_i.value, dut.done_i.value = 0, 0, 0
        number, error, idle = random.getrandbits(12), random.getrandbits(4), random.getrandbits(1)
        dut.number_i.value, dut.error_i.value, dut.idle_i.value = number, error, idle
        await FallingEdge(dut.clk_i)
        assert await read(dut, CYCLES) == (cycles, 0)
        assert await read(dut, STALLS) == (stalls, 0)
        assert await read(dut, RUNS) == (runs, 0)
        assert await read(dut, STATUS) == (number << 16 | error << 8 | (not idle), 0)
        # An address inside a word is refused, whatever the word is.
        assert (await read(dut, CYCLES + random.randrange(1, 4)))[1] == 2


@cocotb.test()
async def runs_are_counted_far(dut):
    bench = await start(dut)
    dut.done_i.value = 1
    await bench.clocks((1 << 17) + 5)
    await FallingEdge(dut.clk_i)
    dut.done_i.value = 0
    runs, response = await read(dut, RUNS)
    assert (runs >> 4, response) == (1 << 13, 0)
    await bench.reset()
    assert await read(dut, RUNS) == (0, 0)


@cocotb.test()
async def a_write_does_what_the_page_says_or_nothing(dut):
    await start(dut)
    pulses = {PROGRAM: "program_write_o", WEIGHTS: "weights_write_o", BIASES: "biases_write_o"}
    run = 0
    for _ in range(1500):
        address = random.choice([random.getrandbits(8), *pulses, CLEAR, CONTROL])
        data = random.getrandbits(32)
        strobes, idle = random.choice([15, 15, random.getrandbits(4)]), random.getrandbits(1)
        dut.s_axil_awaddr.value, dut.s_axil_wdata.value, dut.s_axil_wstrb.value = address, data, strobes
        dut.s_axil_awvalid.value, dut.s_axil_wvalid.value, dut.idle_i.value = 1, 1, idle
        await FallingEdge(dut.clk_i)
        dut.s_axil_awvalid.value = dut.s_axil_wvalid.value = 0
        takes = address == CONTROL or (address in (*pulses, CLEAR) and idle and not run)
        good = takes and strobes == 15
        assert dut.s_axil_bvalid.value == 1 and int(dut.s_axil_bresp.value) == (0 if good else 2)
        for register, name in pulses.items():
            assert int(getattr(dut, name).value) == (good and address == register)
        if good and address in pulses:
            assert int(dut.word_o.value) == data
        assert int(dut.clear_o.value) == (data & 7 if good and address == CLEAR else 0)
        assert int(dut.abort_o.value) == (data >> 1 & 1 if good and address == CONTROL else 0)
        run = data & 1 if good and address == CONTROL else run
        assert int(dut.run_o.value) == run
        dut.s_axil_bready.value = 1
        await FallingEdge(dut.clk_i)
        dut.s_axil_bready.value = 0
        assert dut.s_axil_bvalid.value == 0
    assert await read(dut, CONTROL) == (run, 0)
