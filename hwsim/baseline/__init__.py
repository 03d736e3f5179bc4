"""The yardstick: the accelerator's twin with dot products, softmax and 8-bit multipliers (`rtl/baseline/`).

    program = compile_dot(ticket, DotMachine(lanes=32))
    trace = forward(ticket, token_ids, mask)

It runs any ticket's shapes and weights; only the attention is another. `compare` sets the two side by side.
"""

from hwsim.baseline.model import EXPONENTIAL, dot_head, forward
from hwsim.baseline.program import DotMachine, compile_dot, encode

__all__ = ["EXPONENTIAL", "DotMachine", "compile_dot", "dot_head", "encode", "forward"]
