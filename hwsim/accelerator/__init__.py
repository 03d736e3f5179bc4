"""The accelerator: a ticket compiled to its program, and the model of the cycles it takes.

    machine = fit(load_ticket("sst2-tiny"), lanes=32)
    program = compile_ticket(ticket, machine)
    sum(spent.cycles for spent in cycles(program, tokens_frame(20)))

The Verilog is in `rtl/core/`; `hwsim.rtl.accelerator` simulates it.
"""

from hwsim.accelerator.compiler import compile_ticket, fit
from hwsim.accelerator.cycles import Spent, cycles, tokens_frame, total
from hwsim.accelerator.frame import Frame, frame, pack
from hwsim.accelerator.machine import Machine
from hwsim.accelerator.memory import MemoryMap
from hwsim.accelerator.operations import Kind, Operation
from hwsim.accelerator.program import Program, disassemble

__all__ = [
    "Frame",
    "Kind",
    "Machine",
    "MemoryMap",
    "Operation",
    "Program",
    "Spent",
    "compile_ticket",
    "cycles",
    "disassemble",
    "fit",
    "frame",
    "pack",
    "tokens_frame",
    "total",
]
