"""Makes the tables in docs/results.md and docs/training.md from models/results: python docs/results.py."""

from __future__ import annotations

import re
from pathlib import Path

from hwsim.files import write_atomic
from hwsim.models.results.records import load
from hwsim.models.results.summary import table

DOCS = Path(__file__).parent
RECORDS = DOCS.parent / "models" / "results"
PAGES = tuple(DOCS / name for name in ("results.md", "training.md"))
PART = re.compile(r"<!-- models/results/(\w+)\.json -->\n.*?<!-- end -->", re.DOTALL)


def page(text: str) -> str:
    """The page with its tables made anew; each stands between a comment that names its records and an end."""

    def part(found: re.Match[str]) -> str:
        made = table(load(RECORDS / f"{found[1]}.json"))
        return f"<!-- models/results/{found[1]}.json -->\n\n{made}\n\n<!-- end -->"

    return PART.sub(part, text)


if __name__ == "__main__":
    for path in PAGES:
        write_atomic(path, page(path.read_text()))
