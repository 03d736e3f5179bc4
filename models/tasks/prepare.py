"""Make a prepared task from texts, or find one that was made."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from hwsim import data
from hwsim.data.adding import VOCABULARY, adding
from hwsim.data.tasks import TASKS, Task
from hwsim.errors import HwsimError
from hwsim.models.batches import Sequences
from hwsim.models.tasks.encode import encode, encode_for_teacher
from hwsim.models.tasks.store import Split, TaskData, read

SPLITS = ("train", "dev", "test")


def load(name: str, folder: str | os.PathLike[str] = "", max_tokens: int = 64) -> TaskData:
    """The task `name` (of hwsim.data.TASKS) that was saved as FOLDER/NAME.safetensors.

    The adding problem needs no folder: it is generated with `max_tokens` tokens a sequence.
    Raises HwsimError for an unknown task, a missing or damaged file, or one of another task.
    """
    task = _task(name)
    if not task.text:
        return _adding(task, max_tokens)
    path = Path(folder) / f"{name}.safetensors"
    if not path.exists():
        raise HwsimError(
            f"{path} does not exist; write it: python -m hwsim.models.tasks {Path(folder)} {name}"
        )
    found = read(path)
    if found.task is not task:
        raise HwsimError(f"{path} holds the task {found.task.name}")
    return found


def _task(name: str) -> Task:
    if name not in TASKS:
        raise HwsimError(f"unknown task {name!r}; known are {', '.join(TASKS)}")
    return TASKS[name]


def _adding(task: Task, tokens: int) -> TaskData:
    splits = {}
    for split in SPLITS:
        token_ids, sums = adding(split, tokens)
        splits[split] = Split(Sequences.pack(list(token_ids), tokens), sums)
    return TaskData(task, tokens, VOCABULARY, splits)


def prepare(
    name: str,
    tokenizer: Tokenizer,
    max_tokens: int = 64,
    *,
    extra: Sequence[str] = (),
    teacher: Tokenizer | None = None,
    teacher_tokens: int = 128,
    rows: np.ndarray | None = None,
) -> TaskData:
    """Encode every split of a data set (`hwsim.data.load`).

    tokenizer: the student's (of a ticket, or `hwsim.models.vocabulary.shrink`); max_tokens: its longest
    sequence; extra: unlabelled texts, which become the split `extra`; teacher: also encode everything in
    the teacher's pieces, cut to teacher_tokens; rows: token rows to start from.
    Raises HwsimError for a task without text, ConfigError for a pair task without a separator piece.
    """
    task = _task(name)
    if not task.text:
        raise HwsimError(f"{name} has no text to prepare; load it by its name")
    splits = {}
    for split in (*(s for s in SPLITS if s in data.splits(name)), *(("extra",) if extra else ())):
        examples = data.load(name, split) if split != "extra" else [data.Example(text, -1) for text in extra]
        texts = [example.text for example in examples]
        seconds = [example.second for example in examples] if task.pair and split != "extra" else None
        ids, cut = encode(tokenizer, texts, seconds, max_tokens)
        large = None
        if teacher is not None:
            large = Sequences.pack(
                encode_for_teacher(teacher, texts, seconds, teacher_tokens), teacher_tokens
            )
        splits[split] = Split(
            Sequences.pack(ids, max_tokens), _labels(task, [e.label for e in examples]), cut, large
        )
    return TaskData(task, max_tokens, tokenizer.get_vocab_size(), splits, tokenizer.to_str(), rows)


def _labels(task: Task, labels: Sequence[float]) -> np.ndarray:
    if task.regression:
        scores = np.array(labels, np.float32)
        return np.where(scores == -1, np.nan, scores).astype(np.float32)
    return np.array(labels, np.int64)
