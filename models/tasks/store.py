"""A prepared task in one safetensors file: token ids, labels and a tokenizer, no text and no pickle."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from hwsim.data.tasks import TASKS, Task
from hwsim.errors import HwsimError
from hwsim.files import write_atomic
from hwsim.models.batches import Sequences

FORMAT = "hwsim-task"


@dataclass(frozen=True)
class Split:
    """One split."""

    data: Sequences
    """In the pieces of the student."""
    labels: np.ndarray
    """int64 classes, or float32 scores of a regression task; -1 or nan where there is no label."""
    truncated: int = 0
    """How many examples were cut to the longest sequence."""
    teacher: Sequences | None = None
    """The same examples in the pieces of a teacher."""

    @property
    def known(self) -> np.ndarray:
        """bool: which examples have a label."""
        return np.isfinite(self.labels) & (self.labels != -1)


@dataclass(frozen=True)
class TaskData:
    """A task as token ids."""

    task: Task
    max_tokens: int
    vocabulary: int
    """Rows of the student's token table."""
    splits: dict[str, Split]
    """train, dev, test where the task has them; `extra` for unlabelled text."""
    tokenizer: str = ""
    """The student's tokenizer as JSON text; empty for a task without text."""
    rows: np.ndarray | None = field(default=None)
    """float16 [vocabulary, width]: token rows to start from."""


def save(task: TaskData, path: str | os.PathLike[str]) -> Path:
    """Write a prepared task; the same task gives the same bytes."""
    arrays: dict[str, np.ndarray] = {"tokenizer": np.frombuffer(task.tokenizer.encode(), np.uint8)}
    if task.rows is not None:
        arrays["rows"] = task.rows
    for name, split in task.splits.items():
        arrays |= {f"{name}.ids": split.data.ids, f"{name}.start": split.data.start}
        arrays[f"{name}.labels"] = split.labels
        if split.teacher is not None:
            arrays |= {f"{name}.teacher.ids": split.teacher.ids, f"{name}.teacher.start": split.teacher.start}
    header = {
        "format": FORMAT,
        "task": task.task.name,
        "max_tokens": task.max_tokens,
        "vocabulary": task.vocabulary,
        "truncated": {name: split.truncated for name, split in task.splits.items()},
    }
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    return write_atomic(path, to_bytes(arrays, {"hwsim": json.dumps(header)}))


def read(path: str | os.PathLike[str]) -> TaskData:
    """Read a prepared task. Raises HwsimError naming the file if it is none or its parts do not fit."""
    try:
        with safe_open(path, framework="numpy") as file:
            header = json.loads((file.metadata() or {}).get("hwsim", "{}"))
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if header.get("format") != FORMAT:
            raise HwsimError(f"its metadata does not say format {FORMAT!r}")
        return _build(header, arrays)
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise HwsimError(f"{path}: not a prepared task ({error})") from error


def _build(header: dict, arrays: dict[str, np.ndarray]) -> TaskData:
    def sequences(name: str) -> Sequences:
        found = Sequences(arrays[f"{name}.ids"], arrays[f"{name}.start"])
        start = found.start
        if not len(found) or start[0] or start[-1] != len(found.ids) or (found.lengths < 1).any():
            raise HwsimError(f"{name}.start does not divide {name}.ids into sequences")
        return found

    splits = {}
    for name, truncated in header["truncated"].items():
        data, labels = sequences(name), arrays[f"{name}.labels"]
        if labels.shape != (len(data),):
            raise HwsimError(f"{name} has {len(data)} sequences and labels of shape {labels.shape}")
        if data.ids.max() >= header["vocabulary"] or data.lengths.max() > header["max_tokens"]:
            raise HwsimError(f"{name} exceeds its vocabulary or its longest sequence")
        teacher = sequences(f"{name}.teacher") if f"{name}.teacher.ids" in arrays else None
        splits[name] = Split(data, labels, truncated, teacher)
    return TaskData(
        TASKS[header["task"]],
        header["max_tokens"],
        header["vocabulary"],
        splits,
        arrays["tokenizer"].tobytes().decode(),
        arrays.get("rows"),
    )
