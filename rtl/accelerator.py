"""The verilated accelerator: loaded over AXI-Lite, fed a frame a call, every written row seen.

with Accelerator(compile_ticket(ticket, machine)) as accelerator:
    run = accelerator.run(beats, frame)
    trace = named_tensors(run, ticket, mask)
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hwsim.accelerator.cycles import rows_written, total
from hwsim.accelerator.frame import Frame
from hwsim.accelerator.memory import BYTES
from hwsim.accelerator.operations import Kind, Operation
from hwsim.accelerator.program import Program
from hwsim.config import ModelConfig
from hwsim.errors import HwsimError
from hwsim.model import Trace
from hwsim.ops.manhattan_score import LARGEST_SCORE
from hwsim.rtl import sources
from hwsim.rtl.lanes import unpack
from hwsim.rtl.sim import PATIENCE, build

MODULE = "accelerator"
CONTROL, PROGRAM, WEIGHTS, BIASES, CLEAR = 0x08, 0x20, 0x24, 0x28, 0x2C
RUN, ABORT = 1, 2
_SETTLE = 128
"""Cycles after a frame's last logit in which the program must end."""


@dataclass(frozen=True)
class Rows:
    """What one operation wrote."""

    operation: Operation
    rows: np.ndarray
    """int16 [rows, lanes]."""
    cycle: np.ndarray
    """int64 [rows]: the simulation's clock cycle of each; a waveform's time is 10 times that."""


@dataclass(frozen=True)
class FrameRun:
    """What the accelerator made of one frame."""

    frame: Frame
    logits: np.ndarray
    """int32 [sentences, classes], as they came out of the result stream."""
    cycles: int
    """The accelerator's own count, stalls included."""
    stalls: int
    """Those in which it waited for a stream."""
    written: list[Rows]
    """Operation by operation."""
    logits_cycle: np.ndarray
    """int64 [sentences, classes]: when each logit came."""


class Accelerator:
    """A simulated accelerator with a program in it. Use one instance from one thread only."""

    module = MODULE

    def __init__(self, program: Program, waves: Path | None = None, seed: int = 1) -> None:
        """Compile the Verilog (or take it from the cache), reset it, and load the program.

        waves: a VCD file to write. Raises MissingToolError without Verilator or a C++ compiler.
        """
        self.program = program
        self._simulation = build(self.module, sources(self.module), program.machine.parameters, waves, seed)
        self._simulation.set(s_axil_bready=1, s_axil_rready=1, s_axil_arvalid=0, s_axis_w_tvalid=0)
        self._simulation.set(s_axil_awvalid=0, s_axil_wvalid=0, s_axil_wstrb=15, s_axis_tvalid=0)
        self._simulation.reset()
        self.load(program)

    def __enter__(self) -> Accelerator:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the simulation and complete its waveform."""
        self._simulation.close()

    @property
    def cycle(self) -> int:
        """The simulation's clock cycle that comes next."""
        return self._simulation.cycle

    def write(self, address: np.ndarray | int, data: np.ndarray) -> None:
        """Write words over AXI-Lite, to one register or to one each. Raises HwsimError if one is refused."""
        data = np.asarray(data, np.uint32)
        if not data.size:
            return
        done = self._simulation.stream(
            {
                "s_axil_aw": {"tdata": np.broadcast_to(address, data.shape).astype(np.uint32)},
                "s_axil_w": {"tdata": data},
            },
            0,
            {"s_axil_bresp": "s_axil_bvalid"},
        )
        answers = done.monitors["s_axil_bresp"].rows
        if len(answers) != len(data) or answers.any():
            raise HwsimError(f"{MODULE}: refused {np.count_nonzero(answers)} of {len(data)} writes")

    def load(self, program: Program) -> None:
        """Stop at once, forget what was loaded, load a program with weights and biases, let it run."""
        self.write(CONTROL, np.array([ABORT]))
        self.write(CLEAR, np.array([7]))
        self.write(PROGRAM, program.words())
        if not program.machine.streams_weights:
            self.write(WEIGHTS, program.entries)
        self.write(BIASES, program.biases)
        self.write(CONTROL, np.array([RUN]))
        self.program = program

    def run(self, beats: np.ndarray, frame: Frame, stalls: int | None = None) -> FrameRun:
        """One frame in, its logits out.

        beats: of `Frame.beats`; stalls: seed of random stalls on every stream. Raises HwsimError if the
        accelerator stops, breaks the stream protocol, or writes other rows than its program says.
        """
        inputs = {"s_axis": {"tdata": beats, "tlast": np.arange(len(beats)) == len(beats) - 1}}
        if self.program.machine.streams_weights:
            inputs["s_axis_w"] = {"tdata": self.program.entries}
        monitors = {"row_o": "row_valid_o", "row_place_o": "row_valid_o"} | dict.fromkeys(
            ("cycles_o", "stalls_o"), "done_o"
        )
        sentences, classes = len(frame.starts), self.program.memory.classes
        patience = PATIENCE + 2 * total(self.program, frame)
        done = self._simulation.stream(inputs, sentences, monitors, stalls, patience, _SETTLE)
        seen = {name: record.rows for name, record in done.monitors.items()}
        if len(seen["cycles_o"]) != 1 or len(done.data.rows) != sentences * classes:
            raise HwsimError(
                f"{MODULE}: {len(done.data.rows)} logits and {len(seen['cycles_o'])} ends of the program "
                f"for {sentences} sentences of {classes} classes"
            )
        lanes = self.program.machine.lanes
        rows = unpack(seen["row_o"], lanes, 16).astype(np.int16)
        places = unpack(seen["row_place_o"], 1, 14, signed=False)[:, 0]
        return FrameRun(
            frame,
            unpack(done.data.rows, 1, 32).astype(np.int32).reshape(sentences, classes),
            int(unpack(seen["cycles_o"], 1, 32, signed=False)[0, 0]),
            int(unpack(seen["stalls_o"], 1, 32, signed=False)[0, 0]),
            self._by_operation(frame, rows, places, done.monitors["row_o"].cycle),
            done.data.cycle.reshape(sentences, classes),
        )

    def _by_operation(
        self, frame: Frame, rows: np.ndarray, places: np.ndarray, cycle: np.ndarray
    ) -> list[Rows]:
        """The written rows, cut into operations; HwsimError if they are not where the program puts them."""
        at, result = 0, []
        for operation in self.program.operations:
            count = rows_written(operation, frame)
            part = slice(at, at + count)
            # A frame's rows are written again for each pair of lanes.
            offsets = np.arange(count) % (operation.count if operation.kind is Kind.LOAD else count or 1)
            place = operation.destination + offsets | operation.to_a << 12 | operation.to_s << 13
            if not np.array_equal(places[part], place):
                raise HwsimError(f"{MODULE}: {operation} wrote other rows than it should")
            result.append(Rows(operation, rows[part], cycle[part]))
            at += count
        if at != len(places):
            raise HwsimError(f"{MODULE}: {len(places) - at} rows more were written than the program says")
        return result


def named_tensors(run: FrameRun, config: ModelConfig, tokens: int) -> tuple[Trace, Trace]:
    """(values, clock cycles) of every named tensor of a frame's sentences, in the emulator's layout.

    tokens: n of the emulator's tensors. Tokens that were not sent hold 0 (scores: 127), and the cycle -1.
    Raises HwsimError if a score between two sentences of the frame is not 127.
    """
    shapes = {"score": (config.heads, tokens, tokens), "pool": (config.width,), "pool_norm": (config.width,)}
    frame, sentences = run.frame, len(run.frame.starts)
    trace: Trace = {}
    times: Trace = {}
    for written in run.written:
        operation, name = written.operation, written.operation.tensor
        part = name.rsplit(".", 1)[-1]
        if not name:
            continue
        values, cycle = written.rows, written.cycle
        if operation.kind is Kind.LOAD:
            values, cycle = _of_pairs(frame, operation.count, values, cycle)
        if operation.kind is Kind.CLASSIFY:
            values, cycle = _of_bytes(values), cycle[BYTES - 1 :: BYTES]
        if operation.to_a and operation.kind is not Kind.CLASSIFY:
            values = values.astype(np.int8)
        cycle = cycle if cycle.ndim == 2 else np.broadcast_to(cycle[:, None], values.shape)
        if name not in trace:
            width = config.width if part == "inhibit" else len(values)
            shape = (sentences, *shapes.get(part, (width,) if part == "logits" else (tokens, width)))
            trace[name] = np.full(shape, LARGEST_SCORE if part == "score" else 0, np.int32)
            times[name] = np.full(shape, -1, np.int64)
        for sentence in range(sentences):
            lanes, length = frame.lane(sentence), frame.lengths[sentence]
            for target, source in ((trace, values), (times, cycle)):
                out, rows = target[name][sentence], source[:, lanes].T
                if part == "score":
                    out[operation.part, :length, :length] = rows[:, lanes]
                elif part in ("pool", "pool_norm", "logits"):
                    out[:] = rows[0]
                else:
                    first = operation.part * len(values) if part == "inhibit" else 0
                    out[:length, first : first + len(values)] = rows
        if part == "score":
            _check_apart(frame, name, values)
    return trace, times


def _of_pairs(frame: Frame, features: int, rows: np.ndarray, cycle: np.ndarray) -> tuple[np.ndarray, ...]:
    """Rows written two lanes at a time as rows [features, lanes], and the cycle of each value."""
    lanes = rows.shape[1]
    pairs = rows.reshape(frame.pairs, features, lanes // 2, 2)
    own = np.zeros((features, lanes), np.int16)
    when = np.full((features, lanes), -1, np.int64)
    for pair in range(frame.pairs):
        own[:, 2 * pair : 2 * pair + 2] = pairs[pair, :, pair]
        when[:, 2 * pair : 2 * pair + 2] = cycle.reshape(frame.pairs, features)[pair, :, None]
    return own, when


def _of_bytes(rows: np.ndarray) -> np.ndarray:
    """int32 [logits, lanes] of three rows each, low byte first."""
    low, middle, high = (rows[i::BYTES].astype(np.int32) for i in range(BYTES))
    return (low & 255) | (middle & 255) << 8 | (((high & 255) ^ 128) - 128) << 16


def _check_apart(frame: Frame, name: str, rows: np.ndarray) -> None:
    apart = np.ones((frame.keys, frame.keys), bool)
    for sentence in range(len(frame.starts)):
        apart[frame.lane(sentence), frame.lane(sentence)] = False
    if (rows[: frame.keys, : frame.keys][apart] != LARGEST_SCORE).any():
        raise HwsimError(f"{MODULE}: {name} lets tokens of one sentence see another's")
