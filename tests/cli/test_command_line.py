"""What all commands share: help with an example, exit statuses, errors as one line."""

import importlib
import json
import re
import subprocess
import sys

import pytest
import typer

import hwsim
from hwsim.cli.app import app


def commands(group: typer.Typer = app, words: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every command as the words that call it."""
    found = [(*words, command.name or command.callback.__name__) for command in group.registered_commands]
    for sub in group.registered_groups:
        found += commands(sub.typer_instance, (*words, sub.name))
    return found


def test_all_commands_are_there():
    names = {" ".join(words) for words in commands()}
    assert names == {
        *("demo", "emulate", "evaluate", "verify", "export", "runtimes", "web", "check", "info", "cost"),
        *("cycles", "synth", "tickets", "train", "distill", "search", "results"),
        *("bench cpu", "onnx check", "onnx cost"),
        *("rtl sources", "rtl lint", "rtl prove", "rtl simulate", "rtl run", "rtl waves"),
        *("rtl bitstream", "rtl board"),
    }


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_help_has_an_example_and_json(run, words):
    done = run(*words, "--help")
    assert done.status == 0
    assert "Example: " in done.stdout
    assert f"hwsim {' '.join(words)}" in done.stdout
    assert "--json" in done.stdout


def test_version(run):
    assert run("--version").stdout == f"hwsim {hwsim.__version__}\n"


@pytest.mark.parametrize(
    "words",
    [
        ("nonsense",),
        ("demo", "--nonsense"),
        ("export",),
        ("verify", "--inputs", "0"),
        ("verify", "--seed", "x"),
    ],
)
def test_wrong_usage_is_status_2(run, words):
    done = run(*words)
    assert done.status == 2
    assert "Usage: hwsim" in done.stderr
    assert not done.stdout


@pytest.mark.parametrize("command", ["demo --ticket", "emulate --text a", "verify", "check", "info"])
def test_unknown_ticket_is_one_line_on_stderr(run, command):
    done = run(*command.split(), "no-such-ticket")
    assert done.status == 1
    assert re.fullmatch(r"hwsim: no-such-ticket: .*shipped: .*\n", done.stderr)
    assert not done.stdout


def test_damaged_ticket_is_one_line(run, tmp_path):
    path = tmp_path / "damaged.safetensors"
    path.write_bytes(b"\x08\x00\x00\x00\x00\x00\x00\x00{}      ")
    done = run("info", path)
    assert done.status == 1
    assert done.stderr.count("\n") == 1
    assert str(path) in done.stderr


def test_output_folder_that_cannot_be_written(run, ticket_file, tmp_path):
    (tmp_path / "file").write_text("")
    done = run("export", ticket_file, tmp_path / "file" / "x.onnx")
    assert done.status == 1
    assert done.stderr.startswith("hwsim: ")
    assert done.stderr.count("\n") == 1


def test_ctrl_c_is_clean(run, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("hwsim.tickets.find", interrupt)
    done = run("info")
    assert done.status == 130
    assert "Traceback" not in done.stderr


def test_installed_command_writes_pure_json(ticket_file):
    done = subprocess.run(
        [sys.executable, "-c", "from hwsim.cli import main; main()", "info", ticket_file, "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["density"] == hwsim.load_ticket(ticket_file).density


def test_every_command_lives_in_a_small_file_of_its_own():
    for name in ("demo", "emulate", "verify", "export", "runtimes", "web", "check", "info", "tickets", "rtl"):
        module = importlib.import_module(f"hwsim.cli.{name}")
        with open(module.__file__) as file:
            assert sum(1 for _ in file) < 200, name
