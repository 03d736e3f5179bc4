"""Makes the tables of the pages below from models/results and models/stacked: python docs/results.py."""

from __future__ import annotations

import json
import re
from pathlib import Path

from hwsim.files import write_atomic
from hwsim.markdown import fill, numbers
from hwsim.models.results.differences import differences
from hwsim.models.results.records import load
from hwsim.models.results.summary import table
from hwsim.models.stacked import bench

DOCS = Path(__file__).parent
RECORDS = DOCS.parent / "models" / "results"
PAGES = tuple(DOCS / name for name in ("results.md", "training.md", "full_size.md"))
PART = re.compile(
    r"<!-- models/results/([\w/]+)\.json(?:: (\S+) minus (\S+))? -->\n.*?<!-- end -->", re.DOTALL
)


def teachers() -> str:
    """A table of the teachers."""
    rows = []
    for one in json.loads((RECORDS / "teachers.json").read_text())["teachers"]:
        scores = ", ".join(f"{name} {100 * value:.1f}" for name, value in one["dev"].items())
        rows.append(
            [one["task"], one["encoder"], str(one["seed"]), scores, f"{one['seconds']:.0f}", one["device"]]
        )
    return numbers(("task", "encoder", "seed", "dev", "device s", "device"), rows)


def page(text: str) -> str:
    """The page with its tables made anew; each stands between a comment that names its records and an end.

    A comment that says `a minus b` asks for the differences of rows.
    """

    def part(found: re.Match[str]) -> str:
        if found[1] == "teachers":
            made = teachers()
        else:
            records = load(RECORDS / f"{found[1]}.json")
            made = differences(records, found[2], found[3]) if found[2] else table(records)
        return f"{found[0].splitlines()[0]}\n\n{made}\n\n<!-- end -->"

    return PART.sub(part, text)


if __name__ == "__main__":
    for path in PAGES:
        write_atomic(path, page(path.read_text()))
    pruning = DOCS / "pruning.md"
    speeds = bench.table(json.loads(bench.HOME.read_text()))
    write_atomic(pruning, fill(pruning.read_text(), {"models/stacked/bench.json": speeds}))
