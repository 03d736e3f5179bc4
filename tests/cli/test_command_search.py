"""`hwsim search`."""

from __future__ import annotations

import shlex
import socket

import pytest
from scalars import scalars
from signals import interrupted

import hwsim

SMALL = ("--set", "task.examples=64", "--set", "training.epochs=2", "--set", "pruning.rewind=step:1")


def test_a_search_writes_tickets_and_prints_its_records(run, tmp_path):
    places = ("--densities", "0.5,0.25", "--seeds", "0,1", "--out", tmp_path)
    words = ("search", "tiny", *places, "--json", *SMALL)
    records = run(*words).json
    assert [(r["round"], r["seed"]) for r in records] == [
        (name, seed) for name in ("dense", "iterative-0.500000", "iterative-0.250000") for seed in (0, 1)
    ]
    last = records[-1]
    assert last["density"] == 0.25
    assert last["rewind"] == "step:1"
    assert 0 <= last["metrics"]["accuracy"] <= 1
    ticket = hwsim.load_ticket(tmp_path / "seed-1" / "iterative-0.250000.ticket.safetensors")
    assert ticket.digest() == last["ticket"]
    assert ticket.provenance["command"] == "hwsim search"
    events = scalars(tmp_path / "tensorboard" / "iterative-0.250000" / "seed-1")
    assert events["dev/accuracy"] == [(last["steps"] + 1, pytest.approx(last["metrics"]["accuracy"]))]
    assert run(*words).json == records

    result = run("search", "tiny", *places, "--method", "edge_popup", *SMALL)
    assert result.status == 0
    assert "edge_popup-0.250000" in result.stdout


def test_ctrl_c_says_how_to_go_on(run, tmp_path):
    words = ["search", "tiny", "--densities", "0.5", "--out", str(tmp_path), *SMALL]
    words += ["--set", "training.epochs=40"]
    status, said = interrupted(words, lambda: any(tmp_path.glob("*.unfinished")))
    assert status == 130
    assert said == (f"hwsim: stopped; what is done is in {tmp_path}, go on with: hwsim {shlex.join(words)}")
    assert run(*words).status == 0


def test_wrong_words_are_answered_with_the_right_ones(run, tmp_path):
    result = run("search", "tiny", "--method", "luck", "--out", tmp_path)
    assert result.status == 1
    assert "choose one of dense, one_shot" in result.stderr
    result = run("search", "tiny", "--trainer", "luck", "--out", tmp_path)
    assert result.status == 1
    assert "together, side_by_side, one_by_one" in result.stderr
    result = run("search", "tiny", "--densities", "many", "--out", tmp_path)
    assert result.status == 2
    assert "list of numbers" in result.stderr
    result = run("search", "tiny", "--densities", "0.2,0.5", "--out", tmp_path)
    assert result.status == 1
    assert "falling" in result.stderr
    words = ("--set", "model.kind=float_dot", "--set", "pruning.method=none", "--out", tmp_path)
    result = run("search", "tiny", "--method", "edge_popup", *words)
    assert result.status == 1
    assert "edge_popup makes integer models" in result.stderr
    result = run("search", "tiny", "--grid", "toy")
    assert result.status == 2
    assert "name a configuration or, with --grid, a grid" in result.stderr
    result = run("search", "--grid", "toy", "--cells", "luck", "--out", tmp_path)
    assert result.status == 1
    assert "has no cell luck" in result.stderr


@pytest.mark.parametrize(
    ("words", "option", "fix"),
    [
        (("--grid", "toy", "--local", "--method", "random"), "--method", "a grid says this in its file"),
        (("--grid", "toy", "--densities", "0.5"), "--densities", "a grid says this in its file"),
        (("--grid", "toy", "--seeds", "0"), "--seeds", "a grid says this in its file"),
        (("--grid", "toy", "--trainer", "together"), "--trainer", "a grid says this in its file"),
        (("--grid", "toy", "--local", "--workers", "0"), "--workers", "--local runs without Ray"),
        (("--grid", "toy", "--local", "--address", "a:1"), "--address", "--local runs without Ray"),
        (("tiny", "--cells", "int4"), "--cells", "it needs a --grid"),
        (("tiny", "--local"), "--local", "it needs a --grid"),
    ],
)
def test_an_option_that_would_say_nothing_is_an_error(run, tmp_path, words, option, fix):
    result = run("search", *words, "--out", tmp_path / "out")
    assert result.status == 2
    assert f"Invalid value for {option}: {fix}" in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("address", ["127.0.0.1:{}", "ray://127.0.0.1:{}", "127.0.0.1:port"])
def test_a_cluster_that_does_not_answer_is_one_error(run, tmp_path, address):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # and nobody listens
        asked = address.format(closed.getsockname()[1])
        result = run("search", "--grid", "toy", "--cells", "int4", "--address", asked, "--out", tmp_path)
    assert result.status == 1
    assert f"hwsim: --address {asked}: no Ray cluster answers there" in result.stderr


def test_a_grid_leaves_records_and_prints_them(run, tmp_path):
    words = ("search", "--grid", "toy", "--cells", "int4", "--local", "--out", tmp_path)
    records = run(*words, "--json").json
    assert [(record["round"], record["seed"]) for record in records] == [
        *(("dense", 0), ("dense", 1), ("iterative-0.250000", 0), ("iterative-0.250000", 1))
    ]
    shown = run(*words).stdout
    assert "toy-int4" in shown
    assert str(tmp_path / "records") in shown


def test_a_ladder_is_written_by_its_end(run, tmp_path):
    words = ("--densities", "ladder:0.7", "--trainer", "one_by_one", "--out", tmp_path, "--json", *SMALL)
    records = run("search", "tiny", *words).json
    assert [record["round"] for record in records] == ["dense", "iterative-0.800000", "iterative-0.640000"]
