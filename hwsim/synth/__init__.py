"""What the Verilog costs on an FPGA: area by yosys, clock by nextpnr (`pip install 'hwsim[synth]'`)."""

from hwsim.synth.area import FAMILIES, Area, synthesize
from hwsim.synth.report import COLUMNS, SEEDS, cost, summary

__all__ = ["COLUMNS", "FAMILIES", "SEEDS", "Area", "cost", "summary", "synthesize"]
