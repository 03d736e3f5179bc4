"""The budget in docs/grid.md stands beside what its runs took."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

from hwsim.models.grid.cells import cells
from hwsim.models.grid.config import load, shipped

made = runpy.run_path(str(Path(__file__).parents[2] / "docs" / "grid.py"))


def run(cell: str, number: int, seed: int, seconds: float) -> dict:
    return {
        "kind": "run",
        "task": "sst2",
        "cell": cell,
        "round": f"{number}",
        "seed": seed,
        "seconds": seconds,
    }


def test_rounds_and_minutes_are_added_up_and_the_plan_stays():
    page = """# Budget

| cell | rounds | trainings | estimated | run | measured |
| --- | ---: | ---: | ---: | ---: | ---: |
| `sst2-a` | 3 | 3 | 1.5 | | |
| `sst2-b` | 2 | 2 | - | 7 | 8.0 |
| **sst2** | | | **3.0** | | |
| `sst2-c` | 1 | 1 | 0.5 | | |
| **more** | | | **0.5** | | |
"""
    found = [run("a", number, seed, 30.0) for number in range(2) for seed in range(3)]
    found += [run("c", 0, 0, 6.0), {"kind": "barrier", "task": "sst2", "cell": "c"}]
    text = made["page"](page, found)
    assert text.splitlines()[4:] == [
        "| `sst2-a` | 3 | 3 | 1.5 | 2 | 3.0 |",
        "| `sst2-b` | 2 | 2 | - | 0 | 0.0 |",
        "| **sst2** |  |  | **3.0** |  | **3.0** |",
        "| `sst2-c` | 1 | 1 | 0.5 | 1 | 0.1 |",
        "| **more** |  |  | **0.5** |  | **0.1** |",
    ]
    assert made["page"](text, found) == text and text.startswith(page[:20])


def test_the_page_is_that_of_the_committed_records_and_of_the_grids():
    text = made["PAGE"].read_text()
    assert made["page"](text, made["records"].read(made["RECORDS"])) == text, "run python docs/grid.py"
    planned = dict(re.findall(r"^\| `(\w+-\w+)` \| (\d+) \|", text, re.MULTILINE))
    wanted = {
        cell.key: str(len(cell.rounds))
        for name in shipped()
        if name != "toy"
        for cell in cells(name, load(name)[1])
    }
    assert planned == wanted
