"""A few thousand clocks of everything the accelerator does, as transactions for `replay.v` on Icarus.

What it prints (rows, logits, counters without stalls, responses, errors) must be what it prints of the real
Verilog, which the other tests have compared with the emulator. It takes four seconds, and is what finds most
faults of `mutation.py`.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hwsim import ModelConfig, Ticket, random_ticket
from hwsim.accelerator import Frame, Kind, Machine, Operation, Program, compile_ticket, frame
from hwsim.accelerator.frame import REAL, REPORT
from hwsim.make import random_tokens
from hwsim.rtl.accelerator import ABORT, BIASES, CLEAR, CONTROL, PROGRAM, RUN, WEIGHTS

BENCH = Path(__file__).with_name("replay.v")
MACHINE = Machine(8, 32, 4096, 256, 64)
SHAPE = {"vocabulary": 20, "max_tokens": 8, "layers": 1, "classes": 2}
CONFIGS = (
    ModelConfig(
        width=16,
        heads=2,
        hidden=24,
        weights="int4",
        residual_bits=9,
        embed_shift=3,
        inner_norms=True,
        **SHAPE,
    ),
    ModelConfig(
        width=16, heads=1, hidden=72, weights="int8", centring="none", inhibition="unsigned", **SHAPE
    ),
)
WRITE, READ, BEAT, WAIT, RUNS, RESET = range(6)
STATUS = 0x0C


@dataclass(frozen=True)
class Sent:
    """A frame of a ticket."""

    ticket: Ticket
    program: Program
    ids: np.ndarray
    mask: np.ndarray

    @property
    def frame(self) -> Frame:
        """How its sentences lie."""
        return frame(self.mask, MACHINE.lanes)

    def beats(self) -> list[tuple[int, int, int]]:
        """The transactions."""
        return beats(self.frame.beats(self.ticket, self.ids).tolist())


def sent() -> Iterator[Sent]:
    """Three frames of either ticket: one sentence, two of them, the longest; each with a hole."""
    for seed, config in enumerate(CONFIGS):
        ticket = random_ticket(config, seed, 0.06)
        program = compile_ticket(ticket, MACHINE)
        ids, mask = random_tokens(config, 8, seed)
        mask[:, 0] = True
        for sentences, tokens in ((1, 5), (2, 3), (1, 8)):
            real = mask[:sentences, :tokens].copy()
            real[0] = np.arange(tokens) != 2
            yield Sent(ticket, program, ids[:sentences, :tokens], real)


def script() -> Iterator[tuple[int, int, int]]:
    """(kind, a, b) of every transaction."""
    yield RESET, 3, 0
    yield from (
        (READ, address, 0) for address in (0, 4, 8, 12, 16, 20, 24, 0x1C, 0x20, 0x2C, 0x30, 0x05, 0xFC)
    )
    # Refused: other registers, parts of words.
    yield from (_write(address, RUN, 15) for address in (0, 4, 12, 0x1C, 0x30, 0x09, 0xFC))
    yield from (_write(CONTROL, RUN, strobes) for strobes in (1, 7, 14))
    runs, program = 0, None
    for one in sent():
        if one.program is not program:
            program = one.program
            yield from load(program.words(), program.entries, program.biases)
            yield from (_write(address, 7, 15) for address in (PROGRAM, WEIGHTS, BIASES, CLEAR))
        runs += 1
        yield from one.beats()
        yield RUNS, runs, 0
        yield from ((READ, address, 0) for address in (8, 12, 24))
    # Half a frame, then an abort or a reset, then a whole one.
    yield from one.beats()[:-7]
    yield _write(CONTROL, ABORT | RUN, 15)
    yield WAIT, 30, 0
    runs += 1
    yield from one.beats()
    yield WAIT, 200, 0
    yield _write(CONTROL, ABORT, 15)
    yield READ, STATUS, 0
    yield _write(CONTROL, RUN, 15)
    yield from one.beats()
    yield RUNS, runs, 0
    for operations, biases, _ in MALFORMED:
        yield from load(np.concatenate([one.words() for one in operations]), ENTRIES, biases)
        yield from beats(FRAME)
        yield RUNS, 99, 0
        yield READ, STATUS, 0
    for wrong in (FRAME[:1], FRAME[:3], [0, *FRAME[1:]], FRAME * 5):
        yield from load(np.concatenate([one.words() for one in (LOAD, END)]), ENTRIES, [1])
        yield from beats(wrong)
        yield WAIT, 30, 0
        yield READ, STATUS, 0
    # Pairs of padding at the beginning, at the end, all but the first, and all.
    yield from load(np.concatenate([one.words() for one in (LOAD, SCORE, SEND, END)]), [], [])
    for tags in PADDED:
        runs += 1
        yield from beats([word for tag in tags for word in (tag, *FRAME[1:])])
        yield WAIT, 200, 0
    yield RESET, 1, 0
    yield from ((READ, address, 0) for address in (8, 12, 16, 20, 24))


LOAD, END = Operation(Kind.LOAD, to_s=True, count=4), Operation(Kind.END)
FRAME = [REAL | REAL << 8 | REPORT, 0x01020304, 0x7F7F7F7F, 0x81818181, 0x10F0A05]
ENTRIES = [5 | 1 << 8, 4 | 1 << 8, *[1 << 8] * 4]
SCORE = Operation(Kind.SCORE, to_s=True, count=4, destination=40)
SEND = Operation(Kind.SEND, count=1)
PADDED = (
    (0, REAL | REPORT | REAL << 8, REAL, 0),
    (REAL | REPORT, 0),
    (0, (REAL | REPORT) << 8),
    (REPORT, 0),
)
"""Tags, a word a pair; the last frame has no real token and still reports."""
LINEAR = {"from_a": True, "to_a": True, "immediate": 2, "count": 16, "destination": 20}
MALFORMED = (
    ([LOAD], [1], 3),
    ([Operation(Kind.LOAD, to_s=True)], [1], 1),
    ([LOAD, Operation(Kind.NORM, count=4)], [1], 1),
    ([LOAD, Operation(Kind.NORM, to_a=True, to_s=True, count=4)], [1], 1),
    ([LOAD, Operation(Kind.NORM, to_a=True, bits=5, count=4)], [1], 1),
    ([LOAD, Operation(Kind.NORM, to_a=True, shift=24, count=4)], [1], 1),
    ([LOAD, Operation(Kind.CENTRE, to_s=True, centre=True, shift=1)], [1], 1),
    ([LOAD, Operation(Kind.NORM, to_a=True, centre=True, count=4)], [1], 1),
    ([LOAD, Operation(Kind.NORM, to_a=True, add_residual=True, count=4)], [1], 1),
    ([LOAD, Operation(Kind.LINEAR, **LINEAR | {"immediate": 0})], [1], 1),
    ([LOAD, Operation(Kind.LINEAR, **LINEAR | {"immediate": 4097})], [1], 1),
    ([LOAD, Operation(Kind.LINEAR, **LINEAR | {"from_a": False})], [1], 1),
    ([LOAD, Operation(Kind.CENTRE, from_a=True, to_s=True)], [1], 1),
    ([LOAD, Operation(Kind.CLASSIFY, from_a=True, to_s=True, immediate=3, count=4)], [1], 1),
    ([LOAD, Operation(Kind.CLASSIFY, from_a=True, to_a=True, immediate=3, count=4, shift=1)], [1], 1),
    ([LOAD, Operation(Kind.NORM, to_a=True, operands=125, count=4)], [1], 2),
    ([LOAD, Operation(Kind.NORM, to_a=True, from_a=True, operands=253, count=4)], [1], 2),
    ([LOAD, Operation(Kind.LINEAR, **LINEAR | {"operands": 241})], [1], 2),
    ([LOAD, Operation(Kind.LINEAR, **LINEAR | {"destination": 255})], [1], 2),
    ([LOAD, Operation(Kind.SCORE, to_s=True, scalars=253, count=4)], [1], 2),
    ([LOAD, Operation(Kind.SCORE, to_s=True, operands=125, count=4)], [1], 2),
    ([LOAD, Operation(Kind.SCORE, to_s=True, destination=121, count=4)], [1], 2),
    ([LOAD, Operation(Kind.CENTRE, to_s=True, operands=121)], [1], 2),
    ([LOAD, Operation(Kind.CENTRE, to_s=True, destination=121)], [1], 2),
    ([LOAD, Operation(Kind.CENTRE, to_s=True, operands=125, count=4)], [1], 2),
    ([LOAD, Operation(Kind.INHIBIT, to_a=True, scalars=253, count=4)], [1], 2),
    ([LOAD, Operation(Kind.INHIBIT, to_a=True, operands=121, count=4)], [1], 2),
    ([Operation(Kind.LOAD, to_s=True, destination=125, count=4)], [1], 2),
    (
        [
            LOAD,
            Operation(
                Kind.LINEAR, **LINEAR | {"to_a": False, "to_s": True, "add_residual": True, "residual": 127}
            ),
        ],
        [1],
        2,
    ),
    ([LOAD, Operation(Kind.SEND, scalars=251, count=2)], [1], 2),
    ([LOAD, Operation(Kind.LINEAR, **LINEAR), END], [1], 4),
    ([LOAD, Operation(Kind.LINEAR, **LINEAR | {"immediate": 9}), END], [1] * 10, 4),
    ([LOAD, Operation(Kind.LINEAR, **LINEAR | {"count": 3}), END], [1, 2], 5),
)
"""Programs that are none: operations, biases, the error's code."""


def load(
    words: Sequence[int], entries: Sequence[int], biases: Sequence[int]
) -> Iterator[tuple[int, int, int]]:
    """Forget what was loaded, load a program, and let it run."""
    yield _write(CONTROL, ABORT, 15)
    yield _write(CLEAR, 7, 15)
    for address, data in ((PROGRAM, words), (WEIGHTS, entries), (BIASES, biases)):
        yield from (_write(address, int(word), 15) for word in data)
    yield _write(CONTROL, RUN, 15)


def beats(data: Sequence[int]) -> list[tuple[int, int, int]]:
    """A frame; tlast on its last beat."""
    return [(BEAT, beat, int(i == len(data) - 1)) for i, beat in enumerate(data)]


def _write(address: int, data: int, strobes: int) -> tuple[int, int, int]:
    return WRITE, strobes << 8 | address, data


def lines(verilog: Sequence[Path], folder: Path) -> Iterator[str]:
    """What `replay.v` prints with these files, as it comes; CalledProcessError if they do not elaborate."""
    (folder / "replay.txt").write_text("".join(f"{kind:x} {a:x} {b:x}\n" for kind, a, b in script()))
    command = ["iverilog", "-g2005", "-o", "replay.vvp", "-s", "replay", str(BENCH), *map(str, verilog)]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    with subprocess.Popen(
        ["vvp", "-n", "replay.vvp"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield from process.stdout
        finally:
            process.kill()


def first_difference(expected: Sequence[str], verilog: Sequence[Path], folder: Path) -> str | None:
    """The first line that is not as expected. Where nothing definite is expected (x), anything will do."""
    printed, count = lines(verilog, folder), 0
    for line, wanted in zip(printed, expected, strict=False):
        if line != wanted and (
            len(line) != len(wanted) or any(b not in ("x", "X", a) for a, b in zip(line, wanted, strict=True))
        ):
            printed.close()
            return line
        count += 1
    return None if count == len(expected) and next(printed, None) is None else "another number of lines"
