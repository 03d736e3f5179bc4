"""The pages about runtimes and C: their examples run, their tables are those of the recorded run."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

import hwsim
from hwsim import markdown
from hwsim.c99 import generate
from hwsim.c99.build import STRICT, write
from hwsim.runtimes import RUNTIMES

DOCS = Path(__file__).parents[2] / "docs"
FOUND = json.loads((DOCS / "runtimes.json").read_text())

specification = importlib.util.spec_from_file_location("docs_runtimes", DOCS / "runtimes.py")
assert specification is not None
assert specification.loader is not None
script = importlib.util.module_from_spec(specification)
specification.loader.exec_module(script)


@pytest.mark.parametrize(
    ("page", "table"),
    [("runtimes.md", script.matrix(FOUND["runtimes"])), ("c99.md", script.memory(FOUND["c99"]))],
)
def test_the_tables_are_made_from_the_record(page: str, table: str) -> None:
    text = (DOCS / page).read_text()
    assert table in text
    assert markdown.fill(text, {script.MARK: table}) == text


def test_the_record_has_every_runtime_in_both_profiles() -> None:
    names = [runtime.name for runtime in RUNTIMES]
    assert [(row["name"], row["profile"]) for row in FOUND["runtimes"]] == [
        (name, profile) for profile in ("portable", "fast") for name in names
    ]
    assert all(row["exact"] for row in FOUND["runtimes"] if row["profile"] == "portable")
    assert {row["name"] for row in FOUND["runtimes"] if not row["exact"]} <= {"openvino"}
    page = (DOCS / "runtimes.md").read_text()
    assert [name for name in names if page.count(f"| `{name}` |") != 2] == []


def test_the_record_is_of_the_shipped_ticket() -> None:
    assert FOUND["ticket"] == hwsim.load_ticket("sst2-tiny").digest()


def test_the_recorded_sizes_of_c_are_those_of_the_shipped_tickets() -> None:
    assert list(FOUND["c99"]) == list(hwsim.tickets.shipped())
    for name, size in FOUND["c99"].items():
        made = generate(hwsim.load_ticket(name))
        assert (made.flash, made.ram) == (size["constants"], size["ram"])


def test_a_missing_runtime_is_shown_as_missing() -> None:
    rows = [
        {"name": "x", "profile": profile, "version": None, "missing": "needs x", "exact": None}
        for profile in ("portable", "fast")
    ]
    assert "| `x` |  | missing | missing |" in script.matrix(rows)
    rows[1] |= {"missing": None, "exact": False, "first_difference": {"tensor": "embed"}}
    assert "| missing | **differs**, first in `embed` |" in script.matrix(rows)


def test_the_python_example_runs() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", (DOCS / "runtimes.md").read_text(), re.DOTALL)
    names: dict = {}
    exec(compile(example, "docs/runtimes.md", "exec"), names)
    assert len(names["rows"]) == 2


def test_the_c_example_runs(tmp_path: Path) -> None:
    (example,) = re.findall(r"```c\n(.*?)```", (DOCS / "c99.md").read_text(), re.DOTALL)
    ticket = hwsim.load_ticket("sst2-tiny")
    path = write(generate(ticket, "sst2_tiny"), tmp_path)
    (tmp_path / "main.c").write_text(example.replace("sst2-tiny.h", "sst2_tiny.h"))
    subprocess.run(["gcc", *STRICT, path, "main.c", "-o", "main"], cwd=tmp_path, check=True)
    said = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=True).stdout
    logits = hwsim.forward(ticket, np.array([[17, 204, 9]])).logits[0]
    assert list(map(int, said.split())) == logits.tolist()
