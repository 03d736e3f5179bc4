"""The combinational modules, on both simulators: directed and random cases one by one.

`test_rtl_operators.py` goes through all their inputs, but only on Verilator; Icarus has four-valued signals
and its own view of signed arithmetic.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cocotb
import numpy as np
import pytest
from cocotb.triggers import Timer
from streaming import BOTH, STRICT

from hwsim.cases import cases
from hwsim.rtl import sources

PORTS = {"x": "x_i", "acc": "acc_i", "token": "token_i", "position": "position_i", "shift": "shift_i"}


def module(name: str, **parameters: Any) -> pytest.MarkDecorator:
    return pytest.mark.cocotb(
        toplevel=name, sources=sources(name), parameters=parameters, simulators=BOTH, build_args=STRICT
    )


async def run_cases(dut: Any, operator: str, ports: Mapping[str, str] = PORTS, **only: int) -> None:
    """Every case of the operator whose arguments include `only`, one element after the other."""
    chosen = [c for c in cases(operator, 3) if all(c.arguments[key] == value for key, value in only.items())]
    assert chosen
    for case in chosen:
        expected = case.expected()
        inputs = {ports[name]: value for name, value in case.arguments.items() if name in ports}
        arrays = [np.broadcast_to(value, expected.shape).ravel() for value in inputs.values()]
        for *values, want in zip(*arrays, expected.ravel(), strict=True):
            for port, value in zip(inputs, values, strict=True):
                getattr(dut, port).value = int(value)
            await Timer(1, "ns")
            got = dut.y_o.value.to_signed()
            assert got == want, (
                f"{case.name}: {dict(zip(inputs, values, strict=True))} gives {got}, not {want}"
            )


@cocotb.test()
@module("round_shift", Width=32)
async def round_shift(dut):
    await run_cases(dut, "round_shift")


@cocotb.test()
@module("saturate", Width=32, Bits=12)
async def saturate(dut):
    await run_cases(dut, "saturate", bits=12)


@cocotb.test()
@module("requantize", Width=32, Bits=8)
async def requantize(dut):
    await run_cases(dut, "requantize", PORTS | {"acc": "x_i"}, bits=8)


@cocotb.test()
@module("relu", Width=8)
async def relu(dut):
    await run_cases(dut, "relu")


@cocotb.test()
@module("residual_add", Bits=15, AccWidth=24)
async def residual_add(dut):
    await run_cases(dut, "residual_add", bits=15)


@cocotb.test()
@module("embed", Bits=16)
async def embed(dut):
    await run_cases(dut, "embed", bits=16)
