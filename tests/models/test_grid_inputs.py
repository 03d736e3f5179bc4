"""What the cells of a grid read is looked at before any training."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from distillery import large, write_data

import hwsim
from hwsim.errors import HwsimError
from hwsim.models import tasks
from hwsim.models.grid import Cell, cells, execute, load
from hwsim.models.grid.folder import GridFolder
from hwsim.models.grid.inputs import check

OWN = """config = "sst2"
set = ["model.max_tokens=16", 'distillation.logits=""', "distillation.hidden=0.0", "pruning.method=none"]
[cells.ternary.methods]
dense = [0]
[cells.moved]
source = "sst2-other"
[cells.moved.methods]
transfer = [1]
"""
BUDGET = "docs/grid.md, section 'Budget of the ticket experiments'"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a grid file of one's own."""
    monkeypatch.chdir(tmp_path)
    write_data(tmp_path / "data")
    monkeypatch.setenv("HWSIM_DATA", str(tmp_path / "data"))
    (tmp_path / "own.toml").write_text(OWN)
    return tmp_path


def prepare(place: Path, tokens: int, **also: object) -> tasks.TaskData:
    made = dataclasses.replace(tasks.prepare("sst2", large(), tokens), **also)
    tasks.save(made, place / "runs" / "prepared" / "sst2.safetensors")
    return made


def own(*names: str) -> list[Cell]:
    return cells(*load("own.toml"), names)


def test_missing_texts_are_named_with_the_commands_of_this_grid(place):
    with pytest.raises(HwsimError) as error:
        check(cells(*load("sst2"), ["ternary"]), GridFolder(place))
    assert str(error.value).startswith("runs/prepared/sst2.safetensors does not exist")
    assert BUDGET in str(error.value)
    with pytest.raises(HwsimError, match=r"make it: python -m hwsim.models.tasks \S+ sst2 --max-tokens 16"):
        check(own("ternary"), GridFolder(place))


def test_a_missing_teacher_is_named(place):
    with pytest.raises(HwsimError) as error:
        check(cells(*load("sst2"), ["distilled"]), GridFolder(place))
    assert "logits is runs/prepared/logits-sst2.npz, which does not exist" in str(error.value)
    assert BUDGET in str(error.value)


def test_texts_prepared_otherwise_are_refused(place):
    prepare(place, 16)
    check(own("ternary"), GridFolder(place))
    prepare(place, 2)
    with pytest.raises(HwsimError, match=r"texts cut to 2 tokens, not model\.max_tokens 16; make it: "):
        check(own("ternary"), GridFolder(place))
    prepare(place, 128, rows=np.ones((9, 128), np.float16))
    with pytest.raises(HwsimError, match="brings token rows, which sst2 draws from the seed; the commands"):
        check(cells(*load("sst2"), ["ternary"]), GridFolder(place))


def test_a_cell_that_is_read_is_there_or_in_the_making(place):
    folder = GridFolder(place / "out")
    made = prepare(place, 16)
    message = r"grid own, cells\.moved: it reads the cell sst2-other, which is not in .*out; run the grid"
    with pytest.raises(HwsimError, match=message):
        check(own(), folder)
    with pytest.raises(HwsimError, match=message):
        execute(own("moved")[0], folder.path, None)
    assert not folder.path.joinpath("cells", "sst2-moved").exists()
    (source,) = (dataclasses.replace(cell, name="other") for cell in own("ternary"))
    check([*own(), source], folder)
    with folder.claimed(source) as home:
        check(own(), folder)
        config = hwsim.ModelConfig(
            made.vocabulary, max_tokens=16, width=16, heads=2, layers=1, hidden=16, classes=2
        )
        ticket = hwsim.random_ticket(config, seed=0)
        path = home / "seed-0" / "dense.ticket.safetensors"
        path.parent.mkdir()
        hwsim.save_ticket(ticket.replace(tokenizer=made.tokenizer), path)
        check(own(), folder)
        hwsim.save_ticket(ticket, path)
        with pytest.raises(HwsimError, match=r"another vocabulary than .*; prepare all tasks by one"):
            check(own(), folder)
