"""Committed results: records added once, tables and plots made from the file alone."""

from __future__ import annotations

import dataclasses
import json
import runpy
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import hwsim
from hwsim import digits
from hwsim.cost import compare, cost, dense_cost
from hwsim.data import TASKS
from hwsim.errors import HwsimError
from hwsim.files import read_record
from hwsim.models import results, tasks
from hwsim.models.batches import Sequences
from hwsim.models.results.commands import app
from hwsim.models.results.differences import differences
from hwsim.models.science import shown
from hwsim.models.science.intervals import over_seeds

CONFIG = hwsim.ModelConfig(
    vocabulary=20, max_tokens=32, width=16, heads=2, layers=1, hidden=16, classes=2, embed_shift=3
)


def finished(folder: Path, seed: int, dev: float, with_ticket: bool = True) -> Path:
    """The folder of a run as `hwsim train` leaves it."""
    folder.mkdir()
    record = {"task": "sst2", "model": "integer", "seed": seed, "seconds": 10.0 + seed, "device": "cpu"}
    record |= {"dev": {"accuracy": dev}, "density": 0.3, "steps": 5}
    (folder / "metrics.json").write_text(json.dumps(record))
    if with_ticket:
        hwsim.save_ticket(hwsim.random_ticket(CONFIG, seed), folder / "ticket.safetensors")
    return folder


def call(*arguments: object) -> None:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if done.exception is not None:
        raise done.exception


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Two seeds of an integer model and one run of a float model."""
    path = tmp_path / "sst2.json"
    for seed, dev in ((0, 0.80), (1, 0.84)):
        run = finished(tmp_path / f"run{seed}", seed, dev)
        call("add", path, "ternary", run, "--command", f"hwsim train a --set seed={seed}")
    run = finished(tmp_path / "float", 0, 0.85, with_ticket=False)
    like = tmp_path / "run0/ticket.safetensors"
    call("add", path, "float", run, "--command", "hwsim train b", "--like", like)
    return path


def test_records_hold_the_command_and_the_cost(path):
    first, _, dense = results.load(path)
    assert first["command"] == "hwsim train a --set seed=0"
    ticket = hwsim.random_ticket(CONFIG, 0)
    assert first["cost"] == json.loads(json.dumps(compare(ticket, 32)))
    assert first["ticket"] == ticket.digest()
    assert first["density"] == ticket.density
    assert dense["cost"]["ticket"] == json.loads(json.dumps(dense_cost(CONFIG, 32, "float32").to_dict()))
    assert "steps" not in first


def test_rows_are_summed_up_over_seeds(path):
    integer, dense = results.summarise(results.load(path))
    mean, deviation = integer.scores["dev accuracy"]
    assert (integer.seeds, mean) == (2, pytest.approx(0.82))
    assert deviation == pytest.approx(0.04 / 2**0.5)
    assert integer.seconds == 10.5
    assert dense.scores["dev accuracy"] == (0.85, None)


def test_the_table(path):
    head, line, integer, dense = results.table(results.load(path)).splitlines()
    assert head.count("|") == line.count("|") == integer.count("|") == dense.count("|")
    assert head.startswith("| model | seeds | dev accuracy | density |")
    assert integer.startswith("| ternary | 2 | 82.0 ± 2.8 | ")
    found = cost(hwsim.random_ticket(CONFIG, 0), 32)
    assert f"| {found.adds / 32:,.0f} | 0 | " in integer
    ratio = compare(hwsim.random_ticket(CONFIG, 0), 32)["int8_over_ticket"]
    assert integer.endswith(f"| {ratio['total_once']:.1f}, {ratio['total_each_use']:.1f} | 10 |")
    assert dense.endswith("| - | 10 |")
    assert dense.startswith("| float | 1 | 85.0 | 30.0 % |")


def test_points_of_a_plot_and_the_plot(path, tmp_path):
    assert [name for name, *_ in results.points(results.load(path), "energy")] == ["ternary", "float"]
    for axis in ("energy", "density", "adds_per_token"):
        call("plot", path, tmp_path / "made" / f"{axis}.png", "--axis", axis)
        assert (tmp_path / "made" / f"{axis}.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(HwsimError, match="energy"):
        results.points(results.load(path), "time")


def test_a_seed_is_scored_once_and_a_file_has_one_task(path, tmp_path):
    with pytest.raises(HwsimError, match="scored once"):
        call("add", path, "ternary", tmp_path / "run0", "--command", "again")
    with pytest.raises(HwsimError, match="holds results of sst2"):
        results.append(path, {"row": "x", "task": "trec", "seed": 0, "dev": {"accuracy": 0}})


def test_the_majority_is_that_of_training(tmp_path):
    data = Sequences.pack([[1], [1, 2], [3]], 4)
    labels = {"train": [1, 1, 0], "dev": [0, 1, 0], "test": [1, 1, 0]}
    splits = {name: tasks.Split(data, np.array(values)) for name, values in labels.items()}
    splits["extra"] = tasks.Split(data, np.full(3, -1))
    prepared = tasks.save(tasks.TaskData(TASKS["sst2"], 4, 9, splits), tmp_path / "sst2.safetensors")
    call("majority", tmp_path / "r.json", prepared)
    (record,) = results.load(tmp_path / "r.json")
    assert record["dev"]["accuracy"] == pytest.approx(1 / 3)
    assert record["test"]["accuracy"] == pytest.approx(2 / 3)
    assert "| majority | 1 | 33.3 | 66.7 | - |" in results.table([record])


def test_the_mean_score_is_the_majority_of_a_regression(tmp_path):
    data = Sequences.pack([[1], [2]], 4)
    splits = {
        name: tasks.Split(data, np.array(values, np.float32))
        for name, values in {"train": [1, 3], "dev": [1, 4]}.items()
    }
    prepared = tasks.save(tasks.TaskData(TASKS["adding"], 4, 9, splits), tmp_path / "adding.safetensors")
    call("majority", tmp_path / "r.json", prepared)
    assert results.load(tmp_path / "r.json")[0]["dev"] == {"mean_squared_error": pytest.approx(2.5)}
    assert "| majority | 1 | 2.5000 |" in results.table(results.load(tmp_path / "r.json"))


def test_a_file_or_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "bad.json").write_text('{"records": [{"row": "a"}]}')
    with pytest.raises(HwsimError, match="not a file of results"):
        results.load(tmp_path / "bad.json")
    with pytest.raises(HwsimError, match="not a whole record"):
        call("add", tmp_path / "r.json", "a", tmp_path, "--command", "c")
    with pytest.raises(HwsimError, match="no such file of results"):
        call("plot", tmp_path / "r.json", tmp_path / "p.png")


@pytest.fixture
def searched(tmp_path: Path) -> Path:
    """The record of a round, as `hwsim search` leaves it beside its ticket."""
    ticket = hwsim.random_ticket(CONFIG, 7)
    path = tmp_path / "gradual-0.200000.json"
    hwsim.save_ticket(ticket, tmp_path / "gradual-0.200000.ticket.safetensors")
    record = {
        "task": "sst2",
        "seed": 7,
        "metrics": {"accuracy": 0.8},
        "density_integer": 0.2,
        "seconds": 3.0,
        "device": "cpu",
    }
    path.write_text(json.dumps(record | {"ticket": ticket.digest()}))
    return path


def test_a_distilled_record_keeps_its_teachers_score(tmp_path):
    run = finished(tmp_path / "run", 0, 0.8)
    teacher = {"encoder": "minilm", "dev": {"accuracy": 0.9}}
    (run / "metrics.json").write_text(json.dumps(read_record(run / "metrics.json") | {"teacher": teacher}))
    call("add", tmp_path / "r.json", "taught", run, "--command", "hwsim distill full")
    (record,) = results.load(tmp_path / "r.json")
    assert record["teacher"] == teacher


def test_a_record_is_not_added_with_the_ticket_of_another(searched, tmp_path):
    hwsim.save_ticket(hwsim.random_ticket(CONFIG, 9), searched.with_suffix(".ticket.safetensors"))
    with pytest.raises(HwsimError, match="not the ticket of this record"):
        call("add", tmp_path / "r.json", "found", searched, "--command", "c")
    assert not (tmp_path / "r.json").exists()


def test_a_searchs_round_is_added_with_the_scores_of_its_test(searched, tmp_path):
    scores = tmp_path / "test.json"
    scores.write_text(json.dumps({"task": "sst2", "split": "test", "metrics": {"accuracy": 0.75}}))
    call("add", tmp_path / "r.json", "found", searched, "--command", "hwsim search a", "--test", scores)
    (record,) = results.load(tmp_path / "r.json")
    assert record["dev"] == {"accuracy": 0.8}
    assert record["test"] == {"accuracy": 0.75}
    assert record["cost"]["ticket"]["multiplies_per_token"] == 0
    scores.write_text(json.dumps({"task": "sst2", "split": "dev", "metrics": {"accuracy": 0.75}}))
    with pytest.raises(HwsimError, match="no scores of sst2 test"):
        call("add", tmp_path / "s.json", "found", searched, "--command", "c", "--test", scores)


@pytest.mark.parametrize("weights", ["ternary", "int4", "int8"])
def test_a_round_whose_ticket_was_not_kept_costs_at_most_what_its_counts_say(weights, tmp_path):
    config = dataclasses.replace(CONFIG, weights=weights)
    ticket, like = hwsim.random_ticket(config, 7, density=0.3), tmp_path / "like.safetensors"
    hwsim.save_ticket(hwsim.random_ticket(config, 8), like)
    record = {"task": "sst2", "seed": 7, "metrics": {"accuracy": 0.8}, "seconds": 3.0, "device": "cpu"}
    record |= {"density_integer": ticket.density, "digits": ticket.digits}
    record["densities"] = {
        name: np.count_nonzero(linear.weight) / linear.weight.size for name, linear in ticket.encoder()
    }
    (tmp_path / "dense.json").write_text(json.dumps(record))
    call("add", tmp_path / "r.json", "found", tmp_path / "dense.json", "--command", "c", "--like", like)
    (added,) = results.load(tmp_path / "r.json")
    assert "classifier at its most digits" in added["cost_from"]
    found, exact = added["cost"]["ticket"], cost(ticket, 32).to_dict()
    head = 4 * config.classes * config.width - digits.count(ticket.classify_weight)
    assert found["adds_per_token"] == exact["adds_per_token"] + head / 32
    assert found["nonzero_digits"] == exact["nonzero_digits"]
    assert found["bits"]["mask_entropy"] >= exact["bits"]["mask_entropy"]
    assert found["bits"]["weights"] == exact["bits"]["weights"]
    for name in ("parameters", "activation_bytes", "memories", "multiplies_per_token"):
        assert found[name] == exact[name]
    if weights == "ternary":
        assert found["bits"] == exact["bits"]
        return
    hwsim.save_ticket(hwsim.random_ticket(CONFIG, 8), like)
    with pytest.raises(HwsimError, match="not ternary"):
        call("add", tmp_path / "s.json", "found", tmp_path / "dense.json", "--command", "c", "--like", like)


def test_a_shipped_ticket_says_what_its_record_says(searched, tmp_path):
    path, ticket = tmp_path / "r.json", searched.with_suffix(".ticket.safetensors")
    call("add", path, "found", searched, "--command", "hwsim search a")
    about, out = tmp_path / "about.toml", tmp_path / "shipped.safetensors"
    about.write_text('data = "made up"\n')
    call("stamp", path, "found", 7, ticket, out, "--about", about)
    shipped = hwsim.load_ticket(out)
    assert shipped.digest() == hwsim.load_ticket(ticket).digest()
    assert shipped.metrics == {"sst2_dev": 0.8}
    assert shipped.provenance["data"] == "made up"
    assert shipped.provenance["training"]["command"] == "hwsim search a"
    other = tmp_path / "other.safetensors"
    hwsim.save_ticket(hwsim.random_ticket(CONFIG, 8), other)
    with pytest.raises(HwsimError, match="the integers of"):
        call("stamp", path, "found", 7, other, out, "--about", about)


def scored(row: str, *dev: tuple[int, float]) -> list[dict]:
    """Records of a row: (seed, first score of dev), beside a score that differences do not read."""
    return [{"row": row, "seed": seed, "dev": {"accuracy": score, "f1": 0.5}} for seed, score in dev]


def test_rows_are_held_against_rows_of_the_same_seeds():
    records = scored("int4, 20 %, magnitude", (2, 0.90), (0, 0.88), (1, 0.85))
    records += scored("int4, 20 %, random", (0, 0.82), (2, 0.83), (3, 0.10))
    head, rule, *rows = differences(records, "magnitude", "random").splitlines()
    assert head == "| magnitude minus random | seeds | points | seed by seed |"
    assert rule.count("|") == head.count("|")
    # Seeds 0 and 2 have both, in the order of seeds.
    interval = shown.points(over_seeds(np.array([0.88 - 0.82, 0.90 - 0.83])))
    assert interval.startswith("+6.50 [")
    assert rows == [f"| int4, 20 % | 2 | {interval} | +6.0, +7.0 |"]


def test_one_common_seed_has_no_interval_and_a_row_without_its_other_is_left_out():
    records = scored("a, magnitude", (0, 0.5)) + scored("a, random", (0, 0.6))
    records += scored("alone, magnitude", (0, 0.5)) + scored("other seeds, magnitude", (0, 0.5))
    records += scored("other seeds, random", (1, 0.5))
    # Names that are nothing but what is compared belong to no row.
    records += scored("magnitude", (0, 0.5)) + scored("random", (0, 0.5))
    assert differences(records, "magnitude", "random").splitlines()[2:] == ["| a | 1 | -10.00 | -10.0 |"]


ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("task", ["sst2", "imdb", "trec"])
def test_the_documented_tables_are_those_of_the_records(task):
    records = results.load(ROOT / "models" / "results" / f"{task}.json")
    assert results.table(records) in (ROOT / "docs" / "results.md").read_text()


def test_the_tables_of_the_pages_are_made_from_the_records() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "results.py"))
    for path in made["PAGES"]:
        text = path.read_text()
        assert made["PART"].search(text)
        assert made["page"](text) == text
