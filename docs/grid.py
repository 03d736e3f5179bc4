"""Fills in what the runs of docs/grid.md's budget took, from the committed records: python docs/grid.py."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from hwsim.files import write_atomic
from hwsim.models.science import records
from hwsim.models.science.records import Record

PAGE = Path(__file__).parent / "grid.md"
RECORDS = PAGE.parents[1] / "models" / "results" / "science"
CELL, SUM = re.compile(r"\| `(\w+-\w+)` \|"), re.compile(r"\| \*\*\w+\*\* \|")
PLANNED = 4
"""Columns written by hand; those after them are made here."""


def page(text: str, found: Sequence[Record]) -> str:
    """The page with the last columns of its budget made anew; a row of sums adds those above it."""
    return "\n".join(_lines(text.split("\n"), found))


def _lines(lines: Sequence[str], found: Sequence[Record]) -> Iterator[str]:
    rounds, seconds = defaultdict(set), defaultdict(float)
    for record in found:
        if record["kind"] == "run":
            cell = f"{record['task']}-{record['cell']}"
            rounds[cell].add(record["round"])
            seconds[cell] += record["seconds"]
    total = 0.0
    for line in lines:
        if cell := CELL.match(line):
            total += seconds[cell[1]]
            yield _filled(line, str(len(rounds[cell[1]])), f"{seconds[cell[1]] / 60:.1f}")
        elif SUM.match(line):
            yield _filled(line, "", f"**{total / 60:.1f}**")
            total = 0.0
        else:
            yield line


def _filled(line: str, *last: str) -> str:
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    return f"| {' | '.join([*cells[:PLANNED], *last])} |"


if __name__ == "__main__":
    write_atomic(PAGE, page(PAGE.read_text(), records.read(RECORDS)))
