"""`results exact`: a record says of its ticket what was proved and compared, and of no other."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from distillery import large, write_data
from typer.testing import CliRunner, Result

import hwsim
from hwsim.errors import HwsimError
from hwsim.models import results, tasks
from hwsim.models.results.commands import app
from hwsim.models.results.exact import is_exact, judge
from hwsim.models.tasks import TaskData


@pytest.fixture
def task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TaskData:
    """SST-2 at toy size, also in prepared.safetensors."""
    write_data(tmp_path / "data")
    monkeypatch.setenv("HWSIM_DATA", str(tmp_path / "data"))
    made = tasks.prepare("sst2", large(), 8)
    tasks.save(made, tmp_path / "prepared.safetensors")
    return made


@pytest.fixture
def ticket(task: TaskData) -> hwsim.Ticket:
    config = hwsim.ModelConfig(
        vocabulary=task.vocabulary, max_tokens=8, width=16, heads=2, layers=1, hidden=16, classes=2
    )
    return hwsim.random_ticket(config, 3).replace(tokenizer=task.tokenizer)


def recorded(folder: Path, ticket: hwsim.Ticket, accuracy: float) -> Path:
    """Results with two seeds of one row, the first of this ticket."""
    record = {"row": "a", "seed": 0, "task": "sst2", "dev": {"accuracy": accuracy}, "ticket": ticket.digest()}
    results.append(folder / "r.json", record)
    results.append(folder / "r.json", record | {"seed": 1, "ticket": "another's"})
    hwsim.save_ticket(ticket, folder / "ticket.safetensors")
    return folder / "r.json"


def call(path: Path, seed: int = 0, *options: str) -> Result:
    folder = path.parent
    words = [
        "exact",
        path,
        "a",
        seed,
        folder / "ticket.safetensors",
        folder / "prepared.safetensors",
        *options,
    ]
    return CliRunner().invoke(app, [str(word) for word in words])


def accuracy(ticket: hwsim.Ticket, task: TaskData) -> float:
    dev = task.splits["dev"]
    token_ids, mask = dev.data.padded(np.arange(len(dev.data)), 8)
    return float(np.mean(hwsim.forward(ticket, token_ids, mask).prediction == dev.labels))


def test_the_record_gets_what_was_found_and_the_table_a_column(task, ticket, tmp_path):
    path = recorded(tmp_path, ticket, accuracy(ticket, task))
    assert "exact" not in results.table(results.load(path))
    done = call(path)
    assert done.exit_code == 0
    first, second = results.load(path)
    assert first["exact"] == {"range": True, "portable": 32, "fast": 32, "examples": 32}
    assert json.loads(done.stdout) == first["exact"]
    assert "exact" not in second
    head, _, row = results.table(results.load(path)).splitlines()
    assert head.endswith("| device s | exact on dev |")
    assert row.endswith("| - | 32 of 32, 1 of 2 seeds |")
    assert results.table([first]).endswith("| - | 32 of 32 |")
    fewer = first | {"exact": first["exact"] | {"fast": 31}}
    assert results.table([fewer]).endswith("| 31 of 32 |")
    assert not is_exact(fewer["exact"])


def test_the_first_examples_are_asked_alone_and_the_table_says_so(task, ticket, tmp_path):
    # A score of all of dev is not held against that of a part.
    path = recorded(tmp_path, ticket, accuracy(ticket, task) + 1 / 32)
    assert call(path, 0, "--first", "20").exit_code == 0
    first, _ = results.load(path)
    assert first["exact"] == {"range": True, "portable": 20, "fast": 20, "examples": 20, "dev": 32}
    assert is_exact(first["exact"])
    assert results.table([first]).endswith("| - | 20 of 20; dev has 32 |")
    assert call(path, 0, "--first", "0").exit_code == 2


def test_another_ticket_or_score_is_refused_and_nothing_written(task, ticket, tmp_path):
    path = recorded(tmp_path, ticket, accuracy(ticket, task) + 1 / 32)
    before = path.read_bytes()
    for seed, complaint in ((0, "the record says"), (1, "the integers of this ticket")):
        assert complaint in str(call(path, seed).exception)
    assert path.read_bytes() == before
    # A file of results that is not there is named before anything is read that takes long.
    path.rename(tmp_path / "elsewhere.json")
    (tmp_path / "prepared.safetensors").unlink()
    assert f"{path}: there is no such file of results" in str(call(path).exception)
    pieces = dataclasses.replace(task, tokenizer=large(separator=False).to_str())
    with pytest.raises(HwsimError, match="in other pieces"):
        judge(ticket, pieces)


def test_a_ticket_that_may_overflow_is_said_to(task, ticket, tmp_path):
    ticket.layers[0].linears["q"].bias[0] = 1 << 24
    path = recorded(tmp_path, ticket, accuracy(ticket, task))
    assert call(path).exit_code == 1
    (found,) = [record["exact"] for record in results.load(path) if "exact" in record]
    # The portable profile refuses it; in 32 bits there is room.
    assert found == {"range": False, "portable": 0, "fast": 32, "examples": 32}
    assert "| may overflow |" in results.table(results.load(path))
