"""The records of a task: one JSON file, a record for each seed of a row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hwsim.errors import HwsimError
from hwsim.files import write_atomic

Record = dict[str, Any]


def load(path: Path) -> list[Record]:
    """The records of a file, none if there is no file. Raises HwsimError for a file of something else."""
    if not path.exists():
        return []
    try:
        records = json.loads(path.read_text())["records"]
        for record in records:
            float(next(iter(record["dev"].values())))
            str(record["row"]), int(record["seed"]), str(record["task"])
    except (ValueError, KeyError, TypeError, StopIteration) as error:
        raise HwsimError(f"{path}: not a file of results ({error!r})") from error
    return records


def append(path: Path, record: Record) -> None:
    """Add a record. Raises HwsimError if its row has one of this seed, or another task."""
    records = load(path)
    for other in records:
        if other["task"] != record["task"]:
            raise HwsimError(f"{path} holds results of {other['task']}, not of {record['task']}")
        if (other["row"], other["seed"]) == (record["row"], record["seed"]):
            raise HwsimError(
                f"{path} has a record of {record['row']!r} with seed {record['seed']}: scored once"
            )
    write_atomic(path, json.dumps({"records": [*records, record]}, indent=1) + "\n")
