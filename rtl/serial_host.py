"""The host's end of a board's serial line (`rtl/board/serial_bridge.v`): load a ticket, send sentences.

with open_port("/dev/ttyUSB0") as port:
    host = SerialHost(port)
    host.load(compile_ticket(ticket, host.machine()))
    logits = host.run(frame.beats(ticket, ids), sentences=1)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from hwsim.accelerator import Machine, Program
from hwsim.errors import HwsimError, MissingToolError
from hwsim.rtl.accelerator import ABORT, BIASES, CLEAR, CONTROL, PROGRAM, RUN, WEIGHTS

BAUD = 1_000_000
IDENTITY = 0x49574853
PARAMETERS = 0x04
STATUS = 0x0C
CYCLES = 0x10
AT_ONCE = 64
"""Writes that are on their way before their answers are read."""


class Port(Protocol):
    """What a serial port is: pyserial's, or a simulated one."""

    def write(self, data: bytes, /) -> Any:
        """Send bytes."""

    def read(self, size: int, /) -> bytes:
        """So many bytes; fewer if they do not come in time."""


def open_port(path: str, seconds: float = 2.0) -> Any:
    """A board's serial port. Raises MissingToolError without pyserial, HwsimError if it is not there."""
    try:
        import serial
    except ModuleNotFoundError as error:
        raise MissingToolError("pyserial is not installed: pip install 'hwsim[board]'") from error
    try:
        return serial.Serial(path, BAUD, timeout=seconds)
    except serial.SerialException as error:
        raise HwsimError(f"{path}: {error}; name the port of the board, such as /dev/ttyUSB0") from error


class SerialHost:
    """One board. Use it from one thread only."""

    def __init__(self, port: Port) -> None:
        """Wake the line up and ask who is there. Raises HwsimError if it is no accelerator."""
        self._port = port
        self.classes = 0
        # Zeros end whatever packet was begun and begin none.
        port.write(bytes(8))
        found = self.read(0)
        if found != IDENTITY:
            raise HwsimError(f"the board says {found:#x}; an accelerator says {IDENTITY:#x}")

    def machine(self) -> Machine:
        """The parameters that the board was built with."""
        word = self.read(PARAMETERS)
        lanes, width, weights, biases, operations = (
            word >> at & mask for at, mask in ((0, 15), (4, 31), (9, 31), (14, 31), (19, 31))
        )
        return Machine(1 << lanes, 1 << width, 1 << weights if weights else 0, 1 << biases, 1 << operations)

    def read(self, address: int) -> int:
        """One register."""
        self._port.write(bytes([ord("R"), address]))
        answer = self._receive(6, "r")
        if answer[1]:
            raise HwsimError(f"the board refuses to read register {address:#04x}")
        return int.from_bytes(answer[2:], "little")

    def write(self, address: int, words: Sequence[int] | np.ndarray) -> None:
        """Words into one register, one after another. Raises HwsimError if one is refused."""
        packets = np.zeros((len(words), 6), np.uint8)
        packets[:, 0], packets[:, 1] = ord("W"), address
        packets[:, 2:] = np.asarray(words).astype("<u4").reshape(-1, 1).view(np.uint8)
        for first in range(0, len(packets), AT_ONCE):
            part = packets[first : first + AT_ONCE]
            self._port.write(part.tobytes())
            for _ in part:
                if self._receive(2, "w")[1]:
                    raise HwsimError(f"the board refuses to write register {address:#04x}")

    def load(self, program: Program) -> None:
        """Stop, forget what was loaded, load a program with its weights and biases, and let it run."""
        self.write(CONTROL, [ABORT])
        self.write(CLEAR, [7])
        self.write(PROGRAM, program.words())
        self.write(WEIGHTS, program.entries)
        self.write(BIASES, program.biases)
        self.write(CONTROL, [RUN])
        self.classes = program.memory.classes

    def run(self, beats: np.ndarray, sentences: int) -> np.ndarray:
        """One frame in, logits int32 [sentences, classes] out. Raises HwsimError if none come."""
        packets = np.zeros((len(beats), 5), np.uint8)
        packets[:, 0] = ord("B")
        packets[-1, 0] = ord("L")
        packets[:, 1:] = beats.astype("<u4").reshape(-1, 1).view(np.uint8)
        self._port.write(packets.tobytes())
        logits = np.zeros((sentences, self.classes), np.int32)
        for place in np.ndindex(logits.shape):
            letter = "E" if place[1] == self.classes - 1 else "D"
            logits[place] = int.from_bytes(self._receive(5, letter)[1:], "little", signed=True)
        return logits

    def cycles(self) -> int:
        """Clocks of the last run, those in which the line was waited for included."""
        return self.read(CYCLES)

    def _receive(self, size: int, letter: str) -> bytes:
        data = self._port.read(size)
        if len(data) == size and data[0] == ord(letter):
            return data
        if not data:
            raise HwsimError(
                "the board does not answer; check cable, power and bitstream, and press its button"
            )
        raise HwsimError(
            f"the board answers {data!r} where {letter!r} and {size - 1} bytes were due; reset it"
        )
