"""The records of a task: one JSON file, a record for each seed of a row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hwsim.errors import HwsimError
from hwsim.files import read_record, write_atomic

Record = dict[str, Any]


def score(record: Record, split: str = "dev") -> float:
    """What a split says first: the task's main metric."""
    return float(next(iter(record[split].values())))


def load(path: Path) -> list[Record]:
    """The records of a file, none if there is no file. Raises HwsimError for a file of something else."""
    if not path.exists():
        return []
    try:
        records = json.loads(path.read_text())["records"]
        for record in records:
            score(record)
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
    _write(path, [*records, record])


def existing(path: Path) -> list[Record]:
    """The records of a file that must be there. Raises HwsimError as `load`, and if it is not."""
    if not path.exists():
        raise HwsimError(f"{path}: there is no such file of results")
    return load(path)


def of(path: Path, row: str, seed: int, digest: str) -> Record:
    """A row's record of a seed. Raises HwsimError if there is none, or none of a ticket with this digest."""
    for record in existing(path):
        if (record["row"], record["seed"], record.get("ticket")) == (row, seed, digest):
            return record
    raise HwsimError(f"{path} has no record of {row!r} with seed {seed} and the integers of this ticket")


def amend(path: Path, row: str, seed: int, more: Record) -> None:
    """Write more into the record of a row and seed."""
    key = row, seed
    _write(path, [one | more if (one["row"], one["seed"]) == key else one for one in load(path)])


def _write(path: Path, records: list[Record]) -> None:
    write_atomic(path, json.dumps({"records": records}, indent=1) + "\n")


def finished(run: Path) -> tuple[Record, Path]:
    """(record with the scores of dev under `dev`, path of the ticket, which there may be none of).

    run: a run's folder, or the record of a round of a search. Raises HwsimError for a missing or damaged one.
    """
    if run.is_dir():
        return read_record(run / "metrics.json"), run / "ticket.safetensors"
    found = {"model": "integer"} | read_record(run)
    # Its metrics are those of dev.
    found |= {"dev": found["metrics"], "density": found["density_integer"]}
    return found, run.with_suffix(".ticket.safetensors")
