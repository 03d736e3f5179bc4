"""A shell around a module, so that it can be placed and routed alone, however many ports it has.

Every input comes from a register of one long shift register, every output goes into another one: what nextpnr
times is then register to register, and a handful of pins is enough.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CLOCK = "clk_i"
SHELL = "shell"
OBSERVERS = ("row_valid_o", "row_place_o", "row_lanes_o", "row_o")
"""Ports for comparison in simulation, which hardware leaves open."""


def shell(module: str, parameters: Mapping[str, int], ports: Mapping[str, Mapping[str, Any]]) -> str:
    """Verilog of the shell; ports: {name: {direction, bits}}."""
    sizes: dict[str, dict[str, int]] = {"input": {}, "output": {}}
    for name, port in ports.items():
        if name != CLOCK and name not in OBSERVERS:
            sizes[port["direction"]][name] = len(port["bits"])
    wires, connections = [], [f".{CLOCK}({CLOCK})"] if CLOCK in ports else []
    for direction, register in (("input", "in_q"), ("output", "result")):
        at = 0
        for name, size in sizes[direction].items():
            connections.append(f".{name}({register}[{at}+:{size}])")
            at += size
        wires.append(max(at, 1))
    inputs, outputs = wires
    values = ", ".join(f".{name}({value})" for name, value in parameters.items())
    return f"""`default_nettype none
module {SHELL} (
    input  wire {CLOCK},
    input  wire data_i,
    input  wire load_i,
    output wire data_o
);
  reg [{inputs}:0] in_q;
  reg [{outputs}-1:0] out_q;
  reg load_q;
  wire [{outputs}-1:0] result;

  assign data_o = out_q[0];

  always @(posedge {CLOCK}) begin
    in_q   <= {{in_q[{inputs}-1:0], data_i}};
    load_q <= load_i;
    out_q  <= load_q ? result : {{1'b0, out_q[{outputs}-1:0]}} >> 1;
  end

  {module}{f" #({values})" if values else ""} u_{module} ({", ".join(connections)});
endmodule
"""
