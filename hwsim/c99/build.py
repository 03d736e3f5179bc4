"""Compile a generated model and run it, tensor by tensor."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hwsim.c99.source import FOLDER, Source, generate
from hwsim.compare import PER_SENTENCE
from hwsim.config import ModelConfig
from hwsim.errors import HwsimError, MissingToolError
from hwsim.model import Trace, check_tokens
from hwsim.ticket import Ticket

STRICT = ("-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror")
SANITIZED = ("-g", "-fsanitize=undefined,address", "-fno-sanitize-recover=all")
NAME_BYTES = 16


@dataclass(frozen=True)
class Machine:
    """What a model is compiled for and how a program for it is started."""

    compiler: str = "gcc"
    size: str = "size"
    options: tuple[str, ...] = ()
    emulator: tuple[str, ...] = ()
    package: str = "gcc"
    """Debian's, for the message when the compiler is absent."""

    def found(self) -> str:
        """The compiler. Raises MissingToolError if there is none."""
        path = shutil.which(self.compiler)
        if not path:
            raise MissingToolError(f"no C compiler {self.compiler}: install {self.package}")
        return path


HERE = Machine()
ARM = Machine(
    "arm-linux-gnueabihf-gcc",
    "arm-linux-gnueabihf-size",
    ("-static",),
    ("qemu-arm",),
    "gcc-arm-linux-gnueabihf and qemu-user",
)
"""32 bits, emulated."""
CORTEX_M4 = Machine(
    ARM.compiler,
    ARM.size,
    ("-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=soft", "-ffreestanding"),
    package=ARM.package,
)
"""A microcontroller, compiled for but not run."""


def write(source: Source, folder: Path) -> Path:
    """NAME.h and NAME.c in a folder; returns the .c file."""
    (folder / f"{source.name}.h").write_text(source.header)
    path = folder / f"{source.name}.c"
    path.write_text(source.source)
    return path


def _compile(arguments: Sequence[str | Path], folder: Path, machine: Machine) -> None:
    command = [machine.found(), *STRICT, *machine.options, *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise HwsimError(f"the generated C does not compile: {done.stderr.strip()[:2000]}")


def sizes(source: Source, machine: Machine = HERE) -> dict[str, int]:
    """`code` and `flash` (code and constants) in bytes, compiled for size; `ram`."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        path = write(source, folder)
        _compile(["-Os", "-c", path, "-o", "model.o"], folder, machine)
        size = [machine.size, "model.o"]
        listed = subprocess.run(size, cwd=folder, capture_output=True, text=True, check=True)
    text, data, bss = map(int, listed.stdout.splitlines()[1].split()[:3])
    return {"flash": text + data, "code": text + data - source.flash, "ram": source.ram + bss}


class Program:
    """A compiled model, which lives as long as the `with` block around it."""

    def __init__(self, ticket: Ticket, options: Sequence[str] = ("-O2",), machine: Machine = HERE) -> None:
        self.config, self.machine = ticket.config, machine
        self._folder = tempfile.TemporaryDirectory(prefix="hwsim-c99-")
        folder = Path(self._folder.name)
        source = write(generate(ticket, "model"), folder)
        harness = re.sub(r"\bNAME_(?=[A-Z])", "MODEL_", (FOLDER / "harness.c").read_text())
        (folder / "harness.c").write_text(harness.replace("NAME_", "model_"))
        largest = f"-DMODEL_LARGEST_TENSOR={_largest(ticket.config)}"
        files = (source, "harness.c", "-o", "run")
        try:
            _compile([*options, "-DHWSIM_TRACE", largest, *files], folder, machine)
        except BaseException:
            self._folder.cleanup()
            raise

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def run(self, token_ids: np.ndarray, mask: np.ndarray | None = None) -> Trace:
        """Every named tensor int32 [batch, ...], as `hwsim.forward` traces them.

        Raises HwsimError for the inputs that `hwsim.forward` refuses, or if the program fails.
        """
        token_ids, mask = check_tokens(self.config, token_ids, mask)
        words = [np.int32(len(token_ids)).tobytes()]
        for ids, real in zip(token_ids, mask, strict=True):
            words += [np.int32(len(ids)).tobytes(), ids.tobytes(), real.astype(np.uint8).tobytes()]
        command = [*self.machine.emulator, f"{self._folder.name}/run"]
        done = subprocess.run(command, input=b"".join(words), capture_output=True, check=False)
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip()[:2000]
            raise HwsimError(f"the C program ended with status {done.returncode}: {said}")
        return _trace(done.stdout, self.config, token_ids.shape)


def _largest(config: ModelConfig) -> int:
    n = config.max_tokens
    return max(n * config.width, n * config.hidden, config.heads * n * n, config.classes)


def _trace(content: bytes, config: ModelConfig, shape: tuple[int, ...]) -> Trace:
    """The harness's blocks, put together by tensor."""
    batch, tokens = shape
    found: dict[str, list[np.ndarray]] = {}
    at = 0
    while at < len(content):
        layer = int(np.frombuffer(content, np.int32, 1, at)[0])
        name = content[at + 4 : at + 4 + NAME_BYTES].rstrip(b"\0").decode()
        at += 4 + NAME_BYTES
        count = int(np.frombuffer(content, np.int32, 1, at)[0])
        values = np.frombuffer(content, np.int32, count, at + 4)
        found.setdefault(name if layer < 0 else f"layers.{layer}.{name}", []).append(values)
        at += 4 + 4 * count
    trace: Trace = {}
    for name, rows in found.items():
        part = name.rsplit(".", 1)[-1]
        if part == "score":
            each: tuple[int, ...] = (config.heads, tokens, tokens)
        elif part in PER_SENTENCE:
            each = (-1,)
        else:
            each = (tokens, -1)
        trace[name] = np.concatenate(rows).reshape(batch, *each)
    return trace
