"""The folder of one run, named by the hash of its configuration; no other configuration ever writes there.

config.toml, checkpoint.safetensors, metrics.jsonl (a line an evaluation), tensorboard/, and at the end
ticket.safetensors and metrics.json. Whoever finds metrics.json finds a finished run.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from hwsim.errors import ConfigError
from hwsim.files import read_record, write_atomic
from hwsim.models.runs import config as configs
from hwsim.models.runs.config import RunConfig

FORMAT = "hwsim-checkpoint-1"


class RunFolder:
    """Paths of a run and what is read from and written to them."""

    def __init__(self, config: RunConfig) -> None:
        self.config = config
        self.path = Path(config.run.folder) / config.digest()
        self.ticket = self.path / "ticket.safetensors"
        self.metrics = self.path / "metrics.json"
        self.lines = self.path / "metrics.jsonl"
        self.checkpoint = self.path / "checkpoint.safetensors"
        self.tensorboard = self.path / "tensorboard"

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Make the folder and keep every other process out of it.

        Raises ConfigError if it holds another configuration or another process is in it. The lock goes
        with the process, however that ends.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"run.folder is {self.config.run.folder}: cannot be made ({error})") from error
        with open(self.path / "lock", "w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ConfigError(f"{self.path}: another process is training in this folder") from None
            kept = self.path / "config.toml"
            if not kept.exists():
                write_atomic(kept, self.config.to_toml())
            elif configs.load(kept).digest() != self.config.digest():
                raise ConfigError(
                    f"{kept} is not the configuration that its folder is named by; move it away"
                )
            yield

    def result(self) -> dict[str, Any] | None:
        """The metrics of a finished run, else None."""
        return read_record(self.metrics) if self.metrics.exists() else None

    def save(self, state: dict[str, Tensor]) -> None:
        """Replace the checkpoint, whole or not at all."""
        contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
        metadata = {"hwsim": json.dumps({"format": FORMAT, "config": self.config.digest()})}
        write_atomic(self.checkpoint, save(contiguous, metadata))

    def load(self) -> dict[str, Tensor] | None:
        """The checkpoint's tensors, None if there is none yet.

        Raises ConfigError if it is damaged or another configuration's.
        """
        if not self.checkpoint.exists():
            return None
        try:
            with safe_open(self.checkpoint, framework="pt") as file:
                header = json.loads((file.metadata() or {}).get("hwsim", "{}"))
                state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, ValueError) as error:
            raise ConfigError(f"{self.checkpoint}: damaged ({error}); delete it to begin again") from error
        if header != {"format": FORMAT, "config": self.config.digest()}:
            raise ConfigError(f"{self.checkpoint}: not a checkpoint of this run; delete it to begin again")
        return state

    def forget_after(self, step: int) -> None:
        """Drop the lines of evaluations after `step`, which are about to be made again, and a torn line."""
        if self.lines.exists():
            kept = [line for line in read_lines(self.lines) if line["step"] <= step]
            write_atomic(self.lines, "".join(json.dumps(line) + "\n" for line in kept))

    def append(self, line: dict[str, Any]) -> None:
        """One evaluation, in one write: a reader or a crash never sees half of two lines."""
        handle = os.open(self.lines, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(handle, (json.dumps(line) + "\n").encode())
        finally:
            os.close(handle)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The evaluations in a metrics.jsonl, without a line that a crash left unfinished."""
    text = path.read_text()
    try:
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]
    except ValueError as error:
        raise ConfigError(f"{path}: damaged ({error}); delete it") from error


def device_name(device: str) -> str:
    """The device in words, for a record."""
    return torch.cuda.get_device_name(device) if device.startswith("cuda") else "cpu"
