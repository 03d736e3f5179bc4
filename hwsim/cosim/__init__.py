"""Parts of cocotb testbenches: clock and reset, AXI-Stream ends that stall, a scoreboard fed by NumPy.

They behave the same on Verilator and on Icarus; `docs/pytest_plugin.md` shows them at work.
"""

from hwsim.cosim.bench import Bench, parameters
from hwsim.cosim.scoreboard import Scoreboard
from hwsim.cosim.stalls import bursts, never, pattern, randomly
from hwsim.cosim.stream import Frame, StreamSink, StreamSource
from hwsim.cosim.words import from_words, to_words

__all__ = [
    "Bench",
    "Frame",
    "Scoreboard",
    "StreamSink",
    "StreamSource",
    "bursts",
    "from_words",
    "never",
    "parameters",
    "pattern",
    "randomly",
    "to_words",
]
