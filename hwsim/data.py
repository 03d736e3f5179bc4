"""Data sets by name, from the folder `HWSIM_DATA` or from the public hub. No text is ever shipped.

The folder holds one subfolder a data set, in the layout of the original downloads (gzip or xz files);
the hub needs the `datasets` package (`pip install 'hwsim[train]'`) and a network.
"""

from __future__ import annotations

import gzip
import lzma
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from hwsim.errors import HwsimError, MissingToolError


class Example(NamedTuple):
    """A text and its class; sentiment: 0 negative, 1 positive."""

    text: str
    label: int


@dataclass(frozen=True)
class _Source:
    """Where one split lives: a file of the folder with its parser, and its name on the hub."""

    file: str
    parse: Callable[[Iterable[str]], list[Example]]
    hub: tuple[str, str]
    hub_text: str = "sentence"


def parse_tsv(lines: Iterable[str]) -> list[Example]:
    """Rows under the header `sentence<TAB>label`. Raises HwsimError naming the line that is wrong."""
    rows = iter(lines)
    header = next(rows, "").rstrip("\n").split("\t")
    if header != ["sentence", "label"]:
        raise HwsimError(f"line 1 is {header}; a data file starts with the header sentence<TAB>label")
    examples = []
    for number, line in enumerate(rows, 2):
        cells = line.rstrip("\n").split("\t")
        if len(cells) != 2 or not cells[1].isascii() or not cells[1].isdigit():
            raise HwsimError(f"line {number} is not sentence<TAB>label with a whole-number label")
        if not cells[0].strip():
            raise HwsimError(f"line {number} has an empty sentence")
        examples.append(Example(cells[0].strip(), int(cells[1])))
    return examples


def _parse_label_first(lines: Iterable[str]) -> list[Example]:
    pairs = (line.rstrip("\n").split(" ", 1) for line in lines)
    return [Example(text.strip(), int(label)) for label, text in pairs]


def _parse_reviews(lines: Iterable[str]) -> list[Example]:
    rows = (line.rstrip("\n").split("\t") for line in lines)
    next(rows)
    return [Example(row[3].replace("<br />", " "), int(row[0])) for row in rows]


_SOURCES = {
    ("sst2", "train"): _Source("sst2-glue/train.tsv.gz", parse_tsv, ("stanfordnlp/sst2", "train")),
    ("sst2", "dev"): _Source("sst2-glue/dev.tsv.gz", parse_tsv, ("stanfordnlp/sst2", "validation")),
    # GLUE withholds its test labels; the labelled 1,821 sentences are the original split.
    ("sst2", "test"): _Source(
        "sst2-sentences/stsa.binary.test.gz", _parse_label_first, ("SetFit/sst2", "test"), "text"
    ),
    ("imdb", "train"): _Source("imdb/train.tsv.xz", _parse_reviews, ("stanfordnlp/imdb", "train"), "text"),
    ("imdb", "test"): _Source("imdb/test.tsv.xz", _parse_reviews, ("stanfordnlp/imdb", "test"), "text"),
}


def _lines(path: Path) -> Iterable[str]:
    openers: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".xz": lzma.open}
    opener = openers.get(path.suffix, open)
    try:
        # Texts may hold carriage returns and other separators: only a newline ends a line.
        with opener(path, "rt", encoding="utf-8", newline="\n") as file:
            yield from file
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise HwsimError(f"{path}: cannot be read ({error})") from error
    except UnicodeDecodeError as error:
        raise HwsimError(f"{path}: not UTF-8 text ({error})") from error


def read_tsv(path: str | os.PathLike[str]) -> list[Example]:
    """Read a data file with the header `sentence<TAB>label`, plain, .gz or .xz.

    Raises HwsimError naming the file and line.
    """
    path = Path(path)
    try:
        examples = parse_tsv(_lines(path))
    except HwsimError as error:
        message = str(error)
        raise HwsimError(message if message.startswith(str(path)) else f"{path}: {message}") from error
    if not examples:
        raise HwsimError(f"{path}: no rows under the header")
    return examples


def load(dataset: str, split: str) -> list[Example]:
    """The examples of a split, from the folder HWSIM_DATA if that is set, else from the public hub.

    dataset: sst2 or imdb; split: train, dev or test. Raises HwsimError for an unknown split or a broken
    file, MissingToolError if the hub is needed and `datasets` is not installed.
    """
    source = _SOURCES.get((dataset, split))
    if source is None:
        known = ", ".join(f"{d}/{s}" for d, s in _SOURCES)
        raise HwsimError(f"unknown data set {dataset}/{split}; known are {known}")
    if folder := os.environ.get("HWSIM_DATA"):
        return source.parse(_lines(Path(folder) / source.file))
    return _from_hub(source)


def _from_hub(source: _Source) -> list[Example]:
    try:
        from datasets import load_dataset
    except ImportError as error:
        raise MissingToolError(
            "set HWSIM_DATA to a folder of data sets, or `pip install 'hwsim[train]'` to fetch from the hub"
        ) from error
    name, split = source.hub
    try:
        rows = load_dataset(name, split=split)
    except (OSError, ValueError) as error:
        raise HwsimError(
            f"{name} cannot be fetched ({error}); set HWSIM_DATA to a folder of data sets"
        ) from error
    return [Example(row[source.hub_text].strip(), row["label"]) for row in rows]
