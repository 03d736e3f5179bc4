"""Records of a grid: read from its folder or from the committed files, checked, and written as those files.

A committed file holds one task. A record is a line, in a fixed order, so that a new run is one new line; what
all runs share (`common`) and the names of the layers are written once.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from hwsim.errors import HwsimError
from hwsim.files import write_atomic

Record = dict[str, Any]
METRICS = ("accuracy", "loss", "ece", "agreement", "teacher_divergence")
WITHOUT = ("agreement", "teacher_divergence")
"""Metrics that a run need not have: a dense model has nothing to agree with, labels alone no teacher."""
FIELDS: dict[str, dict[str, type | tuple[type, ...]]] = {
    "run": {
        **dict.fromkeys(("grid", "task", "cell", "model", "method", "round", "rewind", "right"), str),
        **dict.fromkeys(("seed", "examples", "width"), int),
        **dict.fromkeys(("density", "density_all"), (int, float)),
        **dict.fromkeys(("densities", "bits", "metrics"), dict),
    },
    "overlap": {
        **dict.fromkeys(("grid", "task"), str),
        **dict.fromkeys(("a", "b", "layers"), dict),
        "seed": int,
        **dict.fromkeys(("density", "common", "expected"), (int, float)),
    },
    "barrier": {
        **dict.fromkeys(("grid", "task", "cell", "model", "round"), str),
        "step": int,
        **dict.fromkeys(("seeds", "points", "losses", "accuracies"), list),
        **dict.fromkeys(("density", "barrier_loss", "barrier_accuracy"), (int, float)),
    },
}
"""What statistics read, by kind; a record may hold more."""


def check(record: Record, where: str) -> Record:
    """The record. Raises HwsimError naming the place and the field unless it is one of the three kinds."""
    kind = record.get("kind")
    if kind not in FIELDS:
        raise HwsimError(f"{where}: kind is {kind!r}; a record is one of {', '.join(FIELDS)}")
    for name, wanted in FIELDS[kind].items():
        if not isinstance(record.get(name), wanted) or isinstance(record[name], bool):
            raise HwsimError(f"{where}: {name} is {record.get(name)!r}, which no record of a {kind} has")
    if kind == "run":
        numbers = {name: record["metrics"].get(name) for name in METRICS}
        wrong = [k for k, v in numbers.items() if not _number(v) and (v is not None or k not in WITHOUT)]
        if wrong:
            raise HwsimError(
                f"{where}: metrics.{wrong[0]} is {numbers[wrong[0]]!r}, which is no finite number"
            )
        try:
            length = len(bytes.fromhex(record["right"]))
        except ValueError as error:
            raise HwsimError(f"{where}: right is no hexadecimal text") from error
        if length != -(-record["examples"] // 8):
            raise HwsimError(f"{where}: right has {length} bytes, which is not {record['examples']} examples")
    return record


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def identity(record: Record) -> tuple[Any, ...]:
    """What no two records have in common, and what they are sorted by."""
    if record["kind"] == "overlap":
        sides = [record[side].get(name, "") for side in "ab" for name in ("task", "cell", "model", "round")]
        return "overlap", record["task"], *sides, record["seed"]
    seeds = [record["seed"]] if record["kind"] == "run" else record["seeds"]
    step = record.get("step", 0)
    return record["kind"], record["task"], record["cell"], record["model"], record["round"], step, *seeds


def read(path: Path) -> list[Record]:
    """All records of a grid's folder, of its records, of a committed file, or of a folder of those.

    Sorted. Raises HwsimError for a damaged or foreign file, for two different records of one run, and if
    there is none.
    """
    if not path.exists():
        raise HwsimError(f"{path}: there is no such file or folder of records")
    folder = path / "records" if (path / "records").is_dir() else path
    files = sorted(folder.glob("*.json")) if folder.is_dir() else [folder]
    records = merged(record for file in files for record in _read(file))
    if not records:
        raise HwsimError(f"{path} holds no records; name a grid's folder, its records, or a collected file")
    return records


def merged(records: Iterable[Record]) -> list[Record]:
    """Sorted, each once. Raises HwsimError for two different ones of the same run."""
    found: dict[tuple[Any, ...], Record] = {}
    for record in records:
        if found.setdefault(key := identity(record), record) != record:
            raise HwsimError(f"two different records of {' '.join(map(str, key))}; keep the right one")
    return [found[key] for key in sorted(found)]


def _read(file: Path) -> list[Record]:
    try:
        value = dict(json.loads(file.read_text()))
        records = _unpacked(value) if "records" in value else [value]
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise HwsimError(f"{file}: no record and no file of records ({error!r})") from error
    return [check(record, str(file)) for record in records]


def collect(sources: Sequence[Path], out: Path) -> list[Path]:
    """Add the records of `sources` to the files TASK.json in the folder `out`; returns those written.

    Raises HwsimError as `read` does, also where a file holds another record of the same run.
    """
    tasks = defaultdict(list)
    for record in merged(record for source in sources for record in read(source)):
        tasks[record["task"]].append(record)
    written = []
    for task, new in tasks.items():
        file = out / f"{task}.json"
        old = _read(file) if file.exists() else []
        written.append(write_atomic(file, packed(merged([*old, *new]))))
    return written


def packed(records: Sequence[Record]) -> str:
    """The text of a committed file; `_unpacked` is its inverse."""
    common = {
        name: value
        for name, value in records[0].items()
        if all(name in record and record[name] == value for record in records)
    }
    layers = next((list(record["densities"]) for record in records if record["kind"] == "run"), [])
    lines = []
    for record in records:
        line = {name: value for name, value in record.items() if name not in common}
        # In another order, or of another model, layers keep their names.
        if list(line.get("densities", ())) == layers and layers:
            line["densities"] = list(line["densities"].values())
        lines.append(_line(line))
    head = f'{{"common":{_line(common)},\n"layers":{_line(layers)},\n"records":[\n'
    return head + ",\n".join(lines) + "\n]}\n"


def _line(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=False)


def _unpacked(value: dict[str, Any]) -> list[Record]:
    records = []
    for line in value["records"]:
        record = value["common"] | line
        if isinstance(record.get("densities"), list):
            record["densities"] = dict(zip(value["layers"], record["densities"], strict=True))
        records.append(record)
    return records
