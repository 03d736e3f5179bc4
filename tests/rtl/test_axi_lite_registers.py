"""The registers alone: what they show of the counters, of numbers that a simulated run does not reach."""

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
STATUS, CYCLES, STALLS, RUNS = 0x0C, 0x10, 0x14, 0x18


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


@cocotb.test()
async def what_the_last_run_left_is_shown(dut):
    for name in ("awvalid", "wvalid", "awaddr", "wdata", "wstrb", "bready", "arvalid", "araddr", "rready"):
        getattr(dut, f"s_axil_{name}").value = 0
    for name in ("idle", "done", "cycles", "stalls", "error", "number"):
        getattr(dut, f"{name}_i").value = 0
    await Bench(dut).reset()
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
