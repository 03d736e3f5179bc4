"""A run's task: prepared token ids, a synthetic task that needs no data, and what outputs are worth."""

from __future__ import annotations

import numpy as np

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
    teacher = _teacher(config.distillation.logits)
    names = [name for name in ("train", "extra") if name in task.splits and (name == "train" or teacher)]
    parts, labels, logits = [], [], []
    for name in names:
        split = task.splits[name]
        most = config.task.examples if name == "train" else 0
        data = first(split.data, most) if most else split.data
        parts.append(data)
        labels.append(split.labels[: len(data)])
        if teacher:
            logits.append(_fitting(teacher, name, split, config)[: len(data)])
    lengths = np.concatenate([part.lengths for part in parts])
    both = Sequences(
        np.concatenate([part.ids for part in parts]),
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
    )
    return TrainingSet(both, np.concatenate(labels), np.concatenate(logits) if logits else None)


def first(data: Sequences, most: int) -> Sequences:
    """The first sequences."""
    start = data.start[: most + 1]
    return Sequences(data.ids[: start[-1]], start)


def _teacher(path: str) -> dict[str, np.ndarray]:
    if not path:
        return {}
    try:
        with np.load(path, allow_pickle=False) as file:
            return dict(file)
    except (OSError, ValueError) as error:
        raise ConfigError(f"distillation.logits is {path}: not a readable .npz file ({error})") from error


def _fitting(teacher: dict[str, np.ndarray], name: str, split: Split, config: RunConfig) -> np.ndarray:
    if name not in teacher or len(teacher[name]) != len(split.data):
        found = f"{len(teacher[name])} rows" if name in teacher else "nothing"
        raise ConfigError(
            f"{config.distillation.logits} holds {found} for {name}; the task has {len(split.data)} sequences"
        )
    return teacher[name]


def score(task: Task, logits: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """The task's metrics of real logits [n, classes], over the examples that have a label."""
    known = np.isfinite(labels) & (labels != -1)
    outputs = logits[:, 0] if task.regression else logits.argmax(axis=-1)
    return {name: METRICS[name](outputs[known], labels[known]) for name in task.metrics}
