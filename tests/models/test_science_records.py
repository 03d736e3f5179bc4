"""Records of a grid: read, checked, collected without losing anything, grouped."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import science_records as made
from typer.testing import CliRunner

from hwsim.errors import HwsimError
from hwsim.models.science import records
from hwsim.models.science.commands import app
from hwsim.models.science.points import lines, points


@pytest.fixture(scope="module")
def grid() -> list[dict]:
    return made.grid()


def test_collected_records_are_those_of_the_folder(grid, tmp_path):
    folder = made.write(grid + made.grid("trec", 2, 500, 1, cells=False), tmp_path / "grid")
    out = tmp_path / "science"
    files = records.collect([folder], out)
    assert [file.name for file in files] == ["sst2.json", "trec.json"]
    assert records.read(out) == records.read(folder) == records.read(folder / "records")
    assert records.read(out / "sst2.json") == records.merged(grid)
    text = files[0].read_text()
    assert len(text) < 1_500_000 * len(grid) / 1000
    assert text.count("\n") == len(grid) + 4  # a record a line
    records.collect([folder / "records"], out)
    assert files[0].read_text() == text


def test_collecting_adds_and_never_replaces(grid, tmp_path):
    first, second = (made.write(part, tmp_path / name) for part, name in ((grid[:9], "a"), (grid[5:20], "b")))
    out = tmp_path / "science"
    records.collect([first], out)
    (file,) = records.collect([second], out)
    assert records.read(file) == records.merged(grid[:20])
    other = made.write([grid[3] | {"seconds": 1.0}], tmp_path / "c")
    before = file.read_bytes()
    with pytest.raises(
        HwsimError, match=r"two different records of run sst2 main ternary iterative-0\.\d+ 0 0"
    ):
        records.collect([other], out)
    assert file.read_bytes() == before


def test_layers_in_another_order_keep_their_names(grid, tmp_path):
    turned = grid[1] | {"densities": dict(reversed(grid[1]["densities"].items()))}
    fewer = grid[2] | {"densities": {"layers.0.q": 0.5}, "more": [1, {"a": None}]}
    folder = made.write([grid[0], turned, fewer], tmp_path / "grid")
    (file,) = records.collect([folder], tmp_path)
    found = records.read(file)
    assert found == records.merged([grid[0], turned, fewer])
    assert [list(one["densities"]) for one in found] == [
        list(one["densities"]) for one in records.merged([grid[0], turned, fewer])
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "walk"}, "kind is 'walk'"),
        ({"seed": "0"}, "seed is '0'"),
        ({"seed": True}, "seed is True"),
        ({"density": None}, "density is None"),
        ({"metrics": {"accuracy": 0.5}}, "metrics.loss is None"),
        ({"metrics": {"accuracy": float("nan"), "loss": 1, "ece": 0, "agreement": None}}, "accuracy is nan"),
        (
            {"metrics": dict.fromkeys(("accuracy", "loss", "ece"), 0.5) | {"teacher_divergence": "0.1"}},
            "metrics.teacher_divergence is '0.1'",
        ),
        ({"right": "zz"}, "no hexadecimal"),
        ({"right": "ff"}, "right has 1 bytes, which is not 872 examples"),
        ({"bits": []}, "bits is"),
    ],
)
def test_a_malformed_record_is_one_error_that_names_the_file(grid, tmp_path, change, message):
    folder = made.write([grid[0], grid[1] | change], tmp_path)
    with pytest.raises(HwsimError, match=message) as error:
        records.read(folder)
    assert "0001.json" in str(error.value)


@pytest.mark.parametrize(
    "text", ["", "[1]", "3", '{"records": 3}', '{"records": [3], "common": {}, "layers": []}']
)
def test_a_file_of_something_else_is_refused(tmp_path, text):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(HwsimError, match=r"x\.json"):
        records.read(tmp_path)


def test_nothing_to_read(tmp_path):
    with pytest.raises(HwsimError, match="no such file or folder"):
        records.read(tmp_path / "nowhere")
    with pytest.raises(HwsimError, match="holds no records"):
        records.read(tmp_path)


def test_points_give_back_what_was_recorded(grid):
    found = points(grid)
    ticket = next(
        p for p in found if (p.cell, p.method) == ("main", "iterative") and p.rung == made.LADDER[6]
    )
    own = [record for record in grid if record.get("round") == ticket.round and record["cell"] == "main"]
    assert list(ticket.runs) == [0, 1, 2, 3, 4]
    assert ticket.values("loss").tolist() == [record["metrics"]["loss"] for record in own]
    right = ticket.right((1, 3))
    assert right.shape == (2, 872)
    assert right.mean(axis=1).tolist() == [own[seed]["metrics"]["accuracy"] for seed in (1, 3)]
    assert ticket.mean("bits", "total") == own[0]["bits"]["total"]


def test_lines_find_their_controls_and_borrow_what_fits(grid):
    world = made.World()
    also = [
        world.run("grid_rewind", 0.512, 0, 0.0, "integers", rewind="step:20", after="dense"),
        world.run("edge_popup", 0.512, 0, 0.0, "wide", width=256, after=None),
        world.run("transfer", 0.512, 0, 0.0, "from_imdb", after=None),
        world.run("iterative", 0.512, 0, 0.0, "step", rewind="step:20"),
    ]
    found = {line.first.cell: line for line in lines(points(grid + also))}
    assert next(iter(found)) == "main"  # it has the controls
    assert set(found) == {"main", "int4", "float_inhibitor", "step"}
    main, step = found["main"], found["step"]
    assert {point.method for point in main.tested} == set(made.EFFECTS)
    assert main.dense.cell == "main"
    assert main.control("small_dense", 0.8**7 * 1.001).rung == 0.8**7
    assert main.control("small_dense", 0.8**8) is None
    borrowed = {(point.cell, point.method) for point in main.others if point.cell != "main"}
    assert borrowed == {("strong", "edge_popup"), ("from_imdb", "transfer")}
    assert {(p.cell, p.method) for p in step.others} == borrowed | {("integers", "grid_rewind")}
    assert step.dense is None
    assert found["int4"].others == []


def test_the_command_collects(grid, tmp_path):
    folder = made.write(grid[:6], tmp_path / "grid")
    command = [sys.executable, "-m", "hwsim.models.science", "collect", str(folder), str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"{tmp_path / 'out' / 'sst2.json'}: 6 records\n"
    assert len(json.loads((tmp_path / "out/sst2.json").read_text())["records"]) == 6
    failed = subprocess.run([*command[:-2], str(tmp_path / "no"), "x"], capture_output=True, text=True)
    assert failed.returncode == 1
    assert failed.stderr.startswith("hwsim: ") and "no such file" in failed.stderr
    assert CliRunner().invoke(app, ["collect", "one"]).exit_code == 2


def test_right_of_an_odd_number_of_examples():
    record = made.World(examples=13).run("dense", 1.0, 0, 0.0)
    (point,) = points([records.check(record, "here")])
    assert np.isclose(point.right((0,)).mean(), record["metrics"]["accuracy"])


def test_overlaps_with_two_other_tasks_are_two_records():
    one = made.World().overlap(0.5, 0, 0.2)
    found = [one | {"b": one["b"] | {"task": task}} for task in ("imdb", "trec")]
    assert records.merged(found) == found
