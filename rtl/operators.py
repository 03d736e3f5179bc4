"""Every operator on its verilated module, by the signature of the NumPy operator.

The modules take tokens side by side in lanes: a word is one feature of all lanes. What is laid out here in
NumPy is what the accelerator's memories hold.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hwsim import digits, interval, sizes
from hwsim.cases import Case
from hwsim.errors import UnsupportedError
from hwsim.ops import _check
from hwsim.ops.manhattan_score import CENTRINGS
from hwsim.ops.requantize import largest, narrowest
from hwsim.rtl.bench import Bench

LANES = 8
"""Tokens side by side, unless another number is asked for."""

ACC_WIDTH = 24
INPUTS = (128, 256, 512, 1024, 2048, 4096)
"""Bits of a row engine's accumulators, and the depths of its input store."""

Array = np.ndarray


@dataclass(frozen=True)
class OperatorRun:
    """What a module made of a case."""

    result: Array
    """Shape and dtype of the golden result."""
    cycles: int
    """Clock cycles, summed over transactions; 0 for a combinational module."""


def run_operator(case: Case) -> Array:
    """The result of a case on the verilated module. See `simulate_operator`."""
    return simulate_operator(case).result


def simulate_operator(
    case: Case,
    lanes: int = LANES,
    stalls: int | None = None,
    smallest: bool = False,
    waves: Path | None = None,
) -> OperatorRun:
    """Run a case on the verilated module of its operator.

    lanes: tokens side by side, one of `hwsim.sizes.LANES`; stalls: seed of random stalls on all streams;
    smallest: build the smallest module that the case fits into, not the largest, which serves all cases;
    waves: VCD file to write. Raises UnsupportedError, naming the size, for what the Verilog refuses, and
    MissingToolError without Verilator or a C++ compiler.
    """
    bench = Bench(lanes, stalls, smallest, waves)
    try:
        result = _MODULES[case.operator](bench, **case.arguments)
    finally:
        bench.close()
    return OperatorRun(result, bench.cycles)


def _refuse(good: bool, operator: str, what: str, fix: str) -> None:
    if not good:
        raise UnsupportedError(f"the Verilog {operator} refuses {what}; {fix}")


def _refuse_tokens(operator: str, tokens: int) -> None:
    most = sizes.RTL_MAX_TOKENS[-1]
    _refuse(tokens <= most, operator, f"{tokens} tokens", f"use at most {most}")


def _tiles(rows: Array, lanes: int) -> Array:
    """[frames, rows, ...] as [frames * tiles, lanes, ...]: lane 0 first, missing rows are 0."""
    frames, count = rows.shape[:2]
    spare = -count % lanes
    rows = np.concatenate([rows, np.zeros((frames, spare, *rows.shape[2:]), rows.dtype)], axis=1)
    return rows.reshape(frames * (count + spare) // lanes, lanes, *rows.shape[2:])


def _untile(words: Array, frames: int, rows: int) -> Array:
    """Undo `_tiles` on words [frames * tiles, words, lanes]: [frames, rows, words]."""
    tiles, count, lanes = words.shape
    return words.transpose(0, 2, 1).reshape(frames, tiles // frames * lanes, count)[:, :rows]


def _last(frames: int, beats: int) -> Array:
    """tlast of so many frames of so many beats."""
    return np.tile(np.arange(beats) == beats - 1, frames)


def _round_shift(bench: Bench, x: Array, shift: int | Array) -> Array:
    x = _check.integers("x", x, 32)
    model = bench.simulation("round_shift", Width=32)
    return bench.vectors(model, 32, {"x_i": x, "shift_i": np.asarray(shift)})


def _saturate(bench: Bench, x: Array, bits: int) -> Array:
    x = _check.integers("x", x, 32)
    _refuse(3 <= bits < 32, "saturate", f"{bits} bits", "use 3..31")
    model = bench.simulation("saturate", Width=32, Bits=bits)
    return bench.vectors(model, bits, {"x_i": x}).astype(narrowest(bits))


def _requantize(bench: Bench, acc: Array, shift: int | Array, bits: int = 8) -> Array:
    acc = _check.integers("acc", acc, 32)
    _refuse(3 <= bits < 32, "requantize", f"{bits} bits", "use 3..31")
    model = bench.simulation("requantize", Width=32, Bits=bits)
    return bench.vectors(model, bits, {"x_i": acc, "shift_i": np.asarray(shift)}).astype(narrowest(bits))


def _embed(bench: Bench, token: Array, position: Array, shift: int, bits: int = 16) -> Array:
    _refuse(8 <= bits <= 16, "embed", f"{bits} bits", "use 8..16")
    inputs = {"token_i": token, "position_i": position, "shift_i": np.asarray(shift)}
    return bench.vectors(bench.simulation("embed", Bits=bits), bits, inputs).astype(narrowest(bits))


def _relu(bench: Bench, x: Array) -> Array:
    return bench.vectors(bench.simulation("relu", Width=8), 8, {"x_i": x}).astype(np.int8)


def _residual_add(bench: Bench, x: Array, acc: Array, shift: int, bits: int = 16) -> Array:
    acc = _check.integers("acc", acc, ACC_WIDTH)
    _refuse(8 <= bits <= 16, "residual_add", f"{bits} bits", "use 8..16")
    model = bench.simulation("residual_add", Bits=bits, AccWidth=ACC_WIDTH)
    return bench.vectors(model, bits, {"x_i": x, "acc_i": acc, "shift_i": np.asarray(shift)}).astype(
        narrowest(bits)
    )


def _manhattan_norm(bench: Bench, x: Array) -> Array:
    width = x.shape[-1]
    _refuse(width in sizes.RTL_WIDTHS, "manhattan_norm", f"rows of {width}", f"use one of {sizes.RTL_WIDTHS}")
    bits = min(8 * x.dtype.itemsize, 24)
    rows = _check.integers("x", x, bits).reshape(1, -1, width)
    words = _tiles(rows, bench.lanes).transpose(0, 2, 1)
    beats = {"tdata": words.reshape(-1, bench.lanes), "tlast": _last(len(words), width)}
    depth = bench.size(sizes.RTL_WIDTHS, width)
    model = bench.simulation("manhattan_norm", Lanes=bench.lanes, Width=depth, InWidth=bits)
    y = bench.stream(model, 8, len(words), {"s_axis": beats})
    return _untile(y, 1, rows.shape[1]).reshape(x.shape).astype(np.int8)


def _reach(x: Array, weight: Array, bias: Array) -> int:
    """The largest magnitude that any accumulator of a row engine may see on the way."""
    rows = x.reshape(-1, x.shape[-1]).astype(np.int64)
    span = interval.Interval(rows.min(axis=0), rows.max(axis=0))
    final = interval.linear(weight, span).plus(bias.astype(np.int64)).magnitude
    return max(
        *(abs(end) for end in interval.horner(weight, span)), int(final.max()), int(np.abs(bias).max())
    )


def _row_engine(module: str) -> Callable[..., Array]:
    def run(bench: Bench, x: Array, weight: Array, bias: Array) -> Array:
        outputs, inputs = weight.shape
        _refuse(inputs <= INPUTS[-1], module, f"{inputs} inputs", f"use at most {INPUTS[-1]}")
        reach, limit = _reach(x, weight, bias), largest(ACC_WIDTH)
        _refuse(reach <= limit, module, f"sums up to {reach}", f"its accumulators hold +-{limit}")
        rows = x.reshape(1, -1, inputs)
        words = _tiles(rows, bench.lanes).transpose(0, 2, 1)
        entries = digits.encode(weight).entries
        # Which row an entry belongs to: as many rows as have ended before it.
        ended = np.cumsum(np.append(0, entries[:-1] & digits.LAST != 0))
        streams = {
            "s_axis_x": {"tdata": words.reshape(-1, bench.lanes), "tlast": _last(len(words), inputs)},
            "s_axis_w": {
                "tdata": np.tile(entries, len(words)),
                "tuser": np.tile(bias.astype(np.int64)[ended], len(words)),
                "tlast": _last(len(words), len(entries)),
            },
        }
        model = bench.simulation(
            module, Lanes=bench.lanes, Inputs=bench.size(INPUTS, inputs), AccWidth=ACC_WIDTH
        )
        acc = bench.stream(model, ACC_WIDTH, len(words), streams)
        return _untile(acc, 1, rows.shape[1]).reshape(*x.shape[:-1], outputs).astype(np.int32)

    return run


def _manhattan_score(
    bench: Bench, q: Array, k: Array, mask: Array, shift: int, delta: Array, centring: str = "min"
) -> Array:
    *lead, heads, tokens, width = q.shape
    _refuse(
        centring != "mean", "manhattan_score", "centring 'mean'", "it has no divider; use 'min' or 'none'"
    )
    _refuse_tokens("manhattan_score", tokens)
    widest = sizes.HEAD_WIDTHS[-1]
    _refuse(width <= widest, "manhattan_score", f"heads of width {width}", f"use at most {widest}")
    model = bench.simulation(
        "manhattan_score",
        Lanes=bench.lanes,
        HeadWidth=bench.size(sizes.HEAD_WIDTHS, width),
        Keys=bench.size(sizes.RTL_MAX_TOKENS, tokens),
        Centring=CENTRINGS.index(centring),
    )
    q, k = (x.reshape(-1, heads, tokens, width) for x in (q, k))
    real = np.broadcast_to(mask, (*lead, tokens)).reshape(-1, tokens)
    score = np.empty((len(q), heads, tokens, tokens), np.int8)
    for head in range(heads):
        words = _tiles(q[:, head], bench.lanes).transpose(0, 2, 1)
        tiles = len(words) // len(q)
        keys = np.repeat(k[:, head], tiles, axis=0)
        streams = {
            "s_axis_q": {"tdata": words.reshape(-1, bench.lanes), "tlast": _last(len(words), width)},
            "s_axis_k": {
                "tdata": keys.ravel(),
                "tuser": np.repeat(np.repeat(real, tiles, axis=0).ravel(), width),
                "tlast": _last(len(words), tokens * width),
            },
        }
        z = bench.stream(model, 8, len(words), streams, shift_i=shift, delta_i=int(delta[head]))
        score[:, head] = _untile(z, len(q), tokens)
    return score.reshape(*lead, heads, tokens, tokens)


def _inhibit(bench: Bench, v: Array, score: Array, shift: int, signed: bool = True, bits: int = 8) -> Array:
    tokens, width = v.shape[-2:]
    _refuse_tokens("inhibit", tokens)
    _refuse(bits in (8, 16), "inhibit", f"{bits} bits", "use 8 or 16")
    lead = np.broadcast_shapes(v.shape[:-2], score.shape[:-2])
    v = np.broadcast_to(v, (*lead, tokens, width)).reshape(-1, tokens, width)
    score = np.broadcast_to(score, (*lead, tokens, tokens)).reshape(-1, tokens, tokens)
    words = _tiles(score, bench.lanes).transpose(0, 2, 1)
    tiles = len(words) // len(v)
    values = np.repeat(v.transpose(0, 2, 1), tiles, axis=0)
    streams = {
        "s_axis_z": {"tdata": words.reshape(-1, bench.lanes), "tlast": _last(len(words), tokens)},
        "s_axis_v": {"tdata": values.ravel(), "tlast": _last(len(words), tokens * width)},
    }
    keys = bench.size(sizes.RTL_MAX_TOKENS, tokens)
    model = bench.simulation("inhibit", Lanes=bench.lanes, Keys=keys, Bits=bits, Signed=int(signed))
    g = bench.stream(model, bits, len(words), streams, shift_i=shift)
    return _untile(g, len(v), tokens).reshape(*lead, tokens, width).astype(narrowest(bits))


def _pool(bench: Bench, x: Array, mask: Array) -> Array:
    tokens, width = x.shape[-2:]
    _refuse_tokens("pool", tokens)
    lead = x.shape[:-2]
    rows = x.reshape(-1, tokens, width)
    real = np.broadcast_to(mask, (*lead, tokens)).reshape(-1, tokens)
    # As many sentences share a pass as have lanes and tokens to spare.
    sentences = min(bench.lanes, sizes.RTL_MAX_TOKENS[-1] // tokens)
    packed, members = (_tiles(part[None], sentences) for part in (rows, real))
    count = sentences * tokens
    values = packed.reshape(-1, count, width).transpose(0, 2, 1)
    member = np.zeros((len(packed), sentences, tokens, bench.lanes), np.uint8)
    for lane in range(sentences):
        member[:, lane, :, lane] = members[:, lane]
    member = np.repeat(member.reshape(-1, 1, count, bench.lanes), width, axis=1)
    beats = {
        "tdata": values.ravel(),
        "tuser": member.reshape(-1, bench.lanes),
        "tlast": _last(len(packed), count * width),
    }
    model = bench.simulation("pool", Lanes=bench.lanes)
    sums = bench.stream(model, 16, len(packed), {"s_axis": beats}, tokens_i=count)[..., :sentences]
    return _untile(sums, 1, len(rows)).reshape(*lead, width).astype(np.int32)


_MODULES: dict[str, Callable[..., Array]] = {
    "round_shift": _round_shift,
    "saturate": _saturate,
    "requantize": _requantize,
    "embed": _embed,
    "manhattan_norm": _manhattan_norm,
    "linear": _row_engine("linear"),
    "relu": _relu,
    "manhattan_score": _manhattan_score,
    "inhibit": _inhibit,
    "residual_add": _residual_add,
    "pool": _pool,
    "classify": _row_engine("classify"),
}
