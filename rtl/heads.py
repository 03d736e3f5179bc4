"""Every attention head of a ticket through the Verilog `inhibitor_head`, in simulation."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hwsim import ranges, sizes
from hwsim.compare import Difference
from hwsim.errors import HwsimError, UnsupportedError
from hwsim.model import Trace, merge_heads, split_heads
from hwsim.ops.manhattan_score import CENTRINGS, LARGEST_SCORE
from hwsim.ops.requantize import narrowest
from hwsim.rtl import sources
from hwsim.rtl.lanes import unpack
from hwsim.rtl.sim import Simulation, build
from hwsim.ticket import Ticket

MODULE = "inhibitor_head"


@dataclass(frozen=True)
class HeadRun:
    """What the Verilog made of the queries, keys and values of a batch."""

    trace: Trace
    """`layers.i.score` [batch, h, n, n] and `layers.i.inhibit` [batch, n, d], in the emulator's layout."""
    times: dict[str, np.ndarray]
    """The clock cycle of the run in which each value of `trace` appeared; -1 where none did."""
    cycles: dict[str, Any]
    """`layers.i`: clock cycles of each head, a list a sentence; `total`: of all of them."""

    def with_time(self, difference: Difference) -> Difference:
        """The difference with the cycle of the wrong value, if it is the head's; VCD time is 10 times it."""
        if difference.tensor not in self.times:
            return difference
        return dataclasses.replace(difference, time=int(self.times[difference.tensor][difference.index]))


@dataclass(frozen=True)
class Frame:
    """What one head made of one sentence of n tokens."""

    score: np.ndarray
    """int8 [n, n]."""
    score_time: np.ndarray
    """int64 [n, n]: clock cycle of each."""
    output: np.ndarray
    """int8 or int16 [n, dh]."""
    output_time: np.ndarray
    """int64 [n]."""
    cycles: int


def head_parameters(ticket: Ticket, tokens: int) -> dict[str, int]:
    """Parameters of the Verilog head for this ticket.

    tokens: of the longest sentence. Raises UnsupportedError for centring by the mean and for too many tokens.
    """
    config = ticket.config
    if config.centring == "mean":
        raise UnsupportedError(
            "the Verilog head refuses centring 'mean': it needs a divider; use a ticket with 'min' or 'none'"
        )
    most = sizes.RTL_MAX_TOKENS[-1]
    if tokens > most:
        raise UnsupportedError(
            f"the Verilog head takes at most {most} tokens, not {tokens}; shorten the text"
        )
    return {
        "HeadWidth": config.head_width,
        "MaxTokens": next(size for size in sizes.RTL_MAX_TOKENS if size >= min(config.max_tokens, most)),
        "OutWidth": config.inhibit_bits,
        "Centring": CENTRINGS.index(config.centring),
    }


def run_head(
    head: Simulation,
    q: np.ndarray,
    k: np.ndarray,
    v: np.ndarray,
    mask: np.ndarray,
    delta: int,
    *,
    score_shift: int,
    inhibit_shift: int,
    signed: bool = True,
    bits: int = 8,
    stalls: int | None = None,
) -> Frame:
    """One frame through a simulated `inhibitor_head` (built by `hwsim.rtl.sim.build`, and reset once).

    q, k, v: int8 [n, dh]; mask: bool [n]; bits: the module's OutWidth; stalls: seed of stalls on both sides.
    Raises HwsimError if the module hangs, breaks the protocol or returns another number of values.
    """
    tokens, width = q.shape
    head.set(score_shift_i=score_shift, inhibit_shift_i=inhibit_shift, delta_i=delta, signed_i=signed)
    beats = {
        "tdata": np.concatenate([k, v, q]),
        "tuser": np.concatenate([mask, np.zeros(2 * tokens, bool)]),
        "tlast": np.arange(3 * tokens) % tokens == tokens - 1,
    }
    done = head.stream({"s_axis": beats}, 1, {"score_o": "score_valid_o"}, stalls)
    score = done.monitors["score_o"]
    if (len(score.cycle), len(done.data.cycle)) != (tokens * tokens, tokens):
        raise HwsimError(
            f"{MODULE} gave {len(score.cycle)} scores and {len(done.data.cycle)} rows to {tokens} tokens"
        )
    return Frame(
        unpack(score.rows, 1, 8).astype(np.int8).reshape(tokens, tokens),
        score.cycle.reshape(tokens, tokens),
        unpack(done.data.rows, width, bits).astype(narrowest(bits)),
        done.data.cycle,
        done.cycles,
    )


def run_heads(
    ticket: Ticket, trace: Trace, mask: np.ndarray, stalls: int | None = None, waves: Path | None = None
) -> HeadRun:
    """Send q, k and v of every head, layer and sentence of an emulator trace through the Verilog head.

    trace: of `hwsim.forward(..., trace=True)`; mask: bool [batch, n]; stalls: seed of random stalls on both
    sides of every stream; waves: a VCD file to write. A sentence is sent up to its last real token, with its
    mask bits; scores beyond, which the hardware never sees, are filled with a padded key's 127.
    Raises RangeError for a ticket whose sums are not proved to fit the Verilog's accumulators,
    UnsupportedError for one that the Verilog does not take, MissingToolError without Verilator or
    a C++ compiler, and HwsimError if the simulation hangs or breaks the stream protocol.
    """
    ranges.require(ticket, "rtl")
    lengths = mask.shape[1] - mask[:, ::-1].argmax(axis=1)
    parameters = head_parameters(ticket, int(lengths.max()))
    result = HeadRun({}, {}, {"total": 0})
    with build(MODULE, sources(MODULE), parameters, waves) as head:
        head.reset()
        for i in range(len(ticket.layers)):
            _run_layer(head, ticket, i, trace, mask, lengths, stalls, result)
    return result


def _run_layer(
    head: Simulation,
    ticket: Ticket,
    index: int,
    trace: Trace,
    mask: np.ndarray,
    lengths: np.ndarray,
    stalls: int | None,
    result: HeadRun,
) -> None:
    """Add layer `index` to `result`."""
    config, layer, name = ticket.config, ticket.layers[index], f"layers.{index}"
    q, k, v = (split_heads(trace[f"{name}.{part}"], config.heads) for part in "qkv")
    score = np.full((*q.shape[:3], q.shape[2]), LARGEST_SCORE, np.int8)
    score_time = np.full(score.shape, -1, np.int64)
    output = np.zeros(q.shape, narrowest(config.inhibit_bits))
    output_time = np.full(q.shape, -1, np.int64)
    cycles = np.zeros(q.shape[:2], np.int64)
    for b, h in np.ndindex(*cycles.shape):
        n = lengths[b]
        frame = run_head(
            head,
            q[b, h, :n],
            k[b, h, :n],
            v[b, h, :n],
            mask[b, :n],
            int(layer.delta[h]),
            score_shift=layer.score_shift,
            inhibit_shift=layer.inhibit_shift,
            signed=config.inhibition == "signed",
            bits=config.inhibit_bits,
            # Another seed for every head, so that no two are stalled alike.
            stalls=None if stalls is None else stalls + head.cycle,
        )
        score[b, h, :n, :n], score_time[b, h, :n, :n] = frame.score, frame.score_time
        output[b, h, :n], output_time[b, h, :n] = frame.output, frame.output_time[:, None]
        cycles[b, h] = frame.cycles
    result.trace.update({f"{name}.score": score, f"{name}.inhibit": merge_heads(output)})
    result.times.update({f"{name}.score": score_time, f"{name}.inhibit": merge_heads(output_time)})
    result.cycles[name] = cycles.tolist()
    result.cycles["total"] += int(cycles.sum())
