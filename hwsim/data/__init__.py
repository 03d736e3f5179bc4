"""Data sets by name, from the folder `HWSIM_DATA` or from the public hub. No text is ever shipped.

The folder holds one subfolder a data set, in the layout of the original downloads (gzip or xz files);
the hub needs the `datasets` package (`pip install 'hwsim[train]'`) and a network.
"""

from __future__ import annotations

import os
from pathlib import Path

from hwsim.data.formats import Example, file_lines, read_tsv
from hwsim.data.hub import from_hub
from hwsim.data.sources import SOURCES
from hwsim.data.splits import held_out, without
from hwsim.data.tasks import TASKS, Task
from hwsim.errors import HwsimError

__all__ = ["TASKS", "Example", "Task", "load", "read_tsv", "splits"]

HELD_OUT = {"imdb": 2500, "trec": 500}
"""Dev examples taken from the training split of a data set that has no dev split of its own."""


def load(dataset: str, split: str) -> list[Example]:
    """The examples of a split, from the folder HWSIM_DATA if that is set, else from the public hub.

    dataset: a name of TASKS that has text; split: train, dev, test where it has labels, and for IMDB also
    `reviews`, the training reviews as published, a source of unlabelled text. IMDB and TREC have no dev
    split: it is held out of train by a fixed rule (`hwsim.data.splits`), and from IMDB's train also go the
    texts that occur in its test. Raises HwsimError for an unknown split or a broken file, MissingToolError
    if the hub is needed and `datasets` is not installed.
    """
    if split not in splits(dataset):
        known = ", ".join(f"{d}/{s}" for d in dict.fromkeys(d for d, _ in SOURCES) for s in splits(d))
        raise HwsimError(f"unknown data set {dataset}/{split}; known are {known}")
    if split == "reviews":
        return _published(dataset, "train")
    count = HELD_OUT.get(dataset)
    if count is None or split == "test":
        return _published(dataset, split)
    train = _published(dataset, "train")
    if dataset == "imdb":
        train = without(train, _published(dataset, "test"))
    dev = held_out(train, count)
    return dev if split == "dev" else without(train, dev)


def splits(dataset: str) -> tuple[str, ...]:
    """The labelled splits that `load` knows of a data set, in the order train, dev, test, reviews."""
    published = [split for name, split in SOURCES if name == dataset]
    if dataset in HELD_OUT:
        published.insert(1, "dev")
    return (*published, "reviews") if dataset == "imdb" else tuple(published)


def _published(dataset: str, split: str) -> list[Example]:
    source = SOURCES[dataset, split]
    if folder := os.environ.get("HWSIM_DATA"):
        path = Path(folder) / source.file
        try:
            return source.parse(file_lines(path, source.encoding))
        except HwsimError as error:
            message = str(error)
            raise HwsimError(message if message.startswith(str(path)) else f"{path}: {message}") from error
    return from_hub(source)
