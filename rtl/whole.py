"""Whole tickets on the simulated accelerator: sentences packed into frames, every named tensor compared."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hwsim import model
from hwsim.accelerator import Machine, compile_ticket, fit, frame, pack, total
from hwsim.accelerator.frame import lengths_of
from hwsim.accelerator.machine import LANES, at_least
from hwsim.compare import Difference, first_difference
from hwsim.errors import HwsimError
from hwsim.files import read_record, write_atomic
from hwsim.model import Trace
from hwsim.rtl import sources
from hwsim.rtl.accelerator import MODULE, Accelerator, named_tensors
from hwsim.ticket import Ticket

SAVE_SECONDS = 10.0
"""How often unfinished work is saved."""


@dataclass(frozen=True)
class Sentences:
    """What the accelerator made of the sentences of one frame."""

    index: list[int]
    """Which sentences of the batch."""
    trace: Trace
    """Every named tensor, in the emulator's layout."""
    times: Trace
    """The simulation's clock cycle in which each value was written."""
    logits: np.ndarray
    """int32 [sentences, classes] of the result stream."""
    cycles: int
    """The accelerator's own count."""
    stalls: int
    model_cycles: int
    """What the cycle model says, which knows no stalls."""
    simulated: int
    """Clock cycles of the simulation, from the frame's offer on."""


class Runner:
    """A ticket on one simulated accelerator, frame by frame."""

    def __init__(
        self, ticket: Ticket, machine: Machine, waves: Path | None = None, stalls: int | None = None
    ) -> None:
        self.ticket, self.machine, self._stalls = ticket, machine, stalls
        self._accelerator = Accelerator(compile_ticket(ticket, machine), waves)

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, *_: object) -> None:
        self._accelerator.close()

    def run(self, index: Sequence[int], token_ids: np.ndarray, mask: np.ndarray) -> Sentences:
        """The sentences `index` of a batch [batch, n], in one frame."""
        chosen = list(index)
        made = frame(mask[chosen], self.machine.lanes)
        start = self._accelerator.cycle
        # Another seed for every frame, so that no two are stalled alike.
        stalls = None if self._stalls is None else self._stalls + start
        done = self._accelerator.run(made.beats(self.ticket, token_ids[chosen]), made, stalls)
        trace, times = named_tensors(done, self.ticket.config, mask.shape[1])
        return Sentences(
            chosen,
            trace,
            times,
            done.logits,
            done.cycles,
            done.stalls,
            total(self._accelerator.program, made),
            self._accelerator.cycle - start,
        )


@dataclass(frozen=True)
class BatchRun:
    """What the accelerator made of a batch, in the emulator's layout."""

    trace: Trace
    times: Trace
    """The simulation's clock cycle in which each value was written; -1 for what was not."""
    cycles: list[int]
    """The accelerator's own count for each sentence, stalls included."""


def run_batch(ticket: Ticket, token_ids: np.ndarray, mask: np.ndarray, stalls: int | None = None) -> BatchRun:
    """Every sentence of a batch [batch, n] alone in a frame, on the smallest accelerator that takes them.

    stalls: seed of random stalls on all streams. Raises as `evaluate` does.
    """
    longest = int(lengths_of(mask).max())
    lanes = at_least(LANES, longest)
    parts, cycles = [], []
    with Runner(ticket, fit(ticket, lanes), stalls=stalls) as runner:
        for i in range(len(mask)):
            done = runner.run([i], token_ids, mask)
            check_cycles(done)
            parts.append(done)
            cycles.append(done.cycles)
    names = parts[0].trace
    return BatchRun(
        {name: np.concatenate([part.trace[name] for part in parts]) for name in names},
        {name: np.concatenate([part.times[name] for part in parts]) for name in names},
        cycles,
    )


def check_cycles(done: Sentences) -> None:
    """Raise HwsimError if the accelerator took other than the modelled cycles."""
    if done.cycles - done.stalls != done.model_cycles:
        raise HwsimError(
            f"accelerator: {done.cycles - done.stalls} cycles beside stalls; "
            f"the cycle model says {done.model_cycles}"
        )


def compare(
    done: Sentences, ticket: Ticket, token_ids: np.ndarray, mask: np.ndarray, reproduce: str = ""
) -> Difference | None:
    """The first named tensor, or logit of the stream, that is not the emulator's; with its clock cycle.

    Raises HwsimError if the accelerator took other than the modelled cycles.
    """
    ids, real = token_ids[done.index], mask[done.index]
    expected = model.forward(ticket, ids, real, trace=True).trace
    found = first_difference("accelerator", expected, done.trace, real, reproduce)
    if found:
        time = int(done.times[found.tensor][found.index])
        index = (done.index[found.index[0]], *found.index[1:])
        return dataclasses.replace(found, time=time, index=index)
    if not np.array_equal(done.logits, expected["logits"]):
        raise HwsimError("accelerator: the logits in the result stream are not those in its memory")
    check_cycles(done)
    return None


@dataclass
class Evaluation:
    """A data set on the accelerator: what is known so far."""

    logits: dict[int, list[int]] = field(default_factory=dict)
    """By sentence."""
    cycles: int = 0
    """The accelerator's own count, over all frames."""
    simulated: int = 0
    """Clock cycles simulated, over all frames."""
    seconds: float = 0.0
    """In the simulation alone."""
    frames: int = 0
    differing: int = 0
    """Frames that differ from the emulator."""
    first_difference: dict[str, Any] | None = None

    def add(self, done: Sentences, difference: Difference | None, seconds: float) -> None:
        """Add a frame."""
        self.logits |= zip(done.index, done.logits.tolist(), strict=True)
        self.cycles += done.cycles
        self.simulated += done.simulated
        self.seconds += seconds
        self.frames += 1
        if difference:
            self.differing += 1
            self.first_difference = self.first_difference or difference.to_dict()


def evaluate(
    ticket: Ticket,
    token_ids: np.ndarray,
    mask: np.ndarray,
    *,
    lanes: int = 64,
    packed: bool = False,
    progress: Path | None = None,
    waves: Path | None = None,
    watch: Callable[[int], None] = lambda done: None,
) -> tuple[Evaluation, Machine]:
    """Every sentence of a batch on the accelerator, every named tensor compared with the emulator.

    packed: several short sentences in one frame; progress: a file for unfinished work, from which the
    same call goes on, removed at the end; watch: called with the number of sentences just finished.
    Raises as `hwsim.accelerator.compile_ticket` and `hwsim.rtl.build.compile_model` do, and HwsimError if the
    accelerator hangs or takes other than the modelled cycles.
    """
    token_ids, mask = model.check_inputs(ticket, token_ids, mask)
    machine = fit(ticket, lanes)
    lengths = lengths_of(mask)
    frames = pack(lengths.tolist(), lanes) if packed else [[i] for i in range(len(lengths))]
    key = _key(ticket, token_ids, mask, machine, frames)
    state = _resume(progress, key)
    watch(len(state.logits))
    saved = time.monotonic()
    try:
        with Runner(ticket, machine, waves) as runner:
            for index in frames:
                if all(sentence in state.logits for sentence in index):
                    continue
                start = time.perf_counter()
                done = runner.run(index, token_ids, mask)
                seconds = time.perf_counter() - start
                state.add(done, compare(done, ticket, token_ids, mask), seconds)
                watch(len(index))
                if time.monotonic() - saved > SAVE_SECONDS:
                    _save(progress, key, state)
                    saved = time.monotonic()
    except BaseException:
        _save(progress, key, state)
        raise
    if progress:
        progress.unlink(missing_ok=True)
    return state, machine


def _key(
    ticket: Ticket, token_ids: np.ndarray, mask: np.ndarray, machine: Machine, frames: list[list[int]]
) -> str:
    """A hash of all that decides a result: ticket, tokens, machine, Verilog."""
    sha = hashlib.sha256(f"{ticket.digest()}{machine}{frames}".encode())
    for part in (token_ids, mask):
        sha.update(np.ascontiguousarray(part).tobytes())
    for path in sources(MODULE):
        sha.update(path.read_bytes())
    return sha.hexdigest()


def _resume(progress: Path | None, key: str) -> Evaluation:
    if progress is None or not progress.exists():
        return Evaluation()
    record = read_record(progress)
    if record.pop("key", None) != key:
        raise HwsimError(f"{progress} is of other sentences, another ticket or other Verilog; delete it")
    record["logits"] = {int(sentence): row for sentence, row in record["logits"].items()}
    return Evaluation(**record)


def _save(progress: Path | None, key: str, state: Evaluation) -> None:
    if progress:
        write_atomic(progress, json.dumps({"key": key} | dataclasses.asdict(state)))
