"""A run's task: prepared token ids, a synthetic task that needs no data, and what outputs are worth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from hwsim.data.tasks import Task
from hwsim.errors import ConfigError
from hwsim.metrics import METRICS
from hwsim.models import tasks
from hwsim.models.batches import Sequences
from hwsim.models.runs.config import RunConfig
from hwsim.models.tasks import Split, TaskData
from hwsim.models.train import TrainingSet

TOY = Task("toy", ("absent", "present"), ("accuracy",), text=False)
TOY_VOCABULARY, TOY_ID = 50, 7
TOY_COUNTS = {"train": 2048, "dev": 512, "test": 512}


def toy(max_tokens: int) -> TaskData:
    """Does id 7 occur in a random sequence? The same sequences at every call."""
    splits = {}
    for seed, (name, count) in enumerate(TOY_COUNTS.items()):
        rng = np.random.default_rng(seed)
        rows = [
            rng.integers(TOY_ID + 1, TOY_VOCABULARY, rng.integers(1, max_tokens + 1)) for _ in range(count)
        ]
        labels = rng.integers(0, 2, count)
        for row, label in zip(rows, labels, strict=True):
            if label:
                row[rng.integers(0, len(row))] = TOY_ID
        splits[name] = Split(Sequences.pack([row.tolist() for row in rows], max_tokens), labels)
    return TaskData(TOY, max_tokens, TOY_VOCABULARY, splits)


def load(name: str, folder: str, max_tokens: int) -> TaskData:
    """A task by name. Raises HwsimError as `hwsim.models.tasks.load`, ConfigError for sequences too long."""
    task = toy(max_tokens) if name == TOY.name else tasks.load(name, folder, max_tokens)
    if task.max_tokens > max_tokens:
        raise ConfigError(f"task {name} has up to {task.max_tokens} tokens; model.max_tokens is {max_tokens}")
    return task


def training_set(task: TaskData, config: RunConfig) -> TrainingSet:
    """The training split; with a teacher also the unlabelled split `extra`, if the task has one."""
    said = teacher(config.distillation.logits)
    names = [name for name in ("train", "extra") if name in task.splits and (name == "train" or said)]
    parts, labels, logits, states = [], [], [], []
    for name in names:
        split = task.splits[name]
        most = config.task.examples if name == "train" else 0
        data = first(split.data, most) if most else split.data
        parts.append(data)
        labels.append(split.labels[: len(data)])
        if said:
            _check(said, name, split, config)
            logits.append(said[name].logits[: len(data)])
            states.append(said[name].states)
    lengths = np.concatenate([part.lengths for part in parts])
    both = Sequences(
        np.concatenate([part.ids for part in parts]),
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
    )
    known = [part[: len(data)] for part, data in zip(states, parts, strict=False) if part is not None]
    return TrainingSet(
        both,
        np.concatenate(labels),
        np.concatenate(logits) if said else None,
        np.concatenate(known) if config.distillation.hidden else None,
    )


def first(data: Sequences, most: int) -> Sequences:
    """The first sequences."""
    start = data.start[: most + 1]
    return Sequences(data.ids[: start[-1]], start)


@dataclass(frozen=True)
class Said:
    """What a teacher says to the sequences of a split."""

    logits: np.ndarray
    """float16 [sequences, classes]."""
    states: np.ndarray | None = None
    """float16 [sequences, the teacher's width]; not in an .npz file."""


def teacher(path: str) -> dict[str, Said]:
    """By split, from what `hwsim distill` wrote: logits.npz or said.safetensors; nothing for no path."""
    if not path:
        return {}
    try:
        if path.endswith(".safetensors"):
            found = load_file(path)
            names = [name.removesuffix(".logits") for name in found if name.endswith(".logits")]
            return {name: Said(found[f"{name}.logits"], found[f"{name}.pooled"]) for name in names}
        with np.load(path, allow_pickle=False) as file:
            return {name: Said(logits) for name, logits in file.items()}
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise ConfigError(f"distillation.logits is {path}: not a teacher's answers ({error})") from error


def _check(said: dict[str, Said], name: str, split: Split, config: RunConfig) -> None:
    if name not in said or len(said[name].logits) != len(split.data):
        found = f"{len(said[name].logits)} rows" if name in said else "nothing"
        raise ConfigError(
            f"{config.distillation.logits} holds {found} for {name}; the task has {len(split.data)} sequences"
        )


def score(task: Task, logits: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """The task's metrics of real logits [n, classes], over the examples that have a label."""
    known = np.isfinite(labels) & (labels != -1)
    outputs = logits[:, 0] if task.regression else logits.argmax(axis=-1)
    return {name: METRICS[name](outputs[known], labels[known]) for name in task.metrics}
