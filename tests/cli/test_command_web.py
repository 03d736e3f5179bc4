"""`hwsim web`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from signals import listen

from hwsim.web.build import RUNTIME, SITE
from hwsim.web.examples import QUESTIONS


def test_the_folder(run, tmp_path):
    said = run("web", "trec-tiny", "--out", tmp_path / "site", "--no-serve", "--json").json
    files = {path.relative_to(tmp_path / "site").as_posix(): path.stat().st_size
             for path in (tmp_path / "site").rglob("*") if path.is_file()}  # fmt: skip
    assert said["files"] == files
    assert said["bytes"] == sum(files.values())
    assert said["url"] is None
    assert {path.name for path in SITE.iterdir()} | {f"ort/{name}" for name in RUNTIME} < set(files)
    about = json.loads((tmp_path / "site" / "about.json").read_text())
    assert (about["name"], about["labels"][0]) == ("trec-tiny", "ABBR")
    assert tuple(about["examples"]) == QUESTIONS
    vectors = json.loads((tmp_path / "site" / "vectors.json").read_text())
    assert tuple(vector["text"] for vector in vectors) == QUESTIONS


@contextmanager
def ended(process: subprocess.Popen) -> Iterator[None]:
    """Whatever fails, the process does not outlive the test."""
    try:
        yield
    finally:
        process.kill()


def test_serving_until_ctrl_c(tmp_path):
    command = [sys.executable, "-m", "hwsim", "web", "--out", tmp_path / "site"]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    with (
        subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env=environment, preexec_fn=listen
        ) as process,
        ended(process),
    ):
        assert process.stdout is not None
        process.stdout.readline()
        url = process.stdout.readline().split()[-1]
        assert url.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(f"{url}app.mjs") as answer:
            assert answer.headers["Content-Type"] == "text/javascript"
            assert answer.read() == (SITE / "app.mjs").read_bytes()
        with urllib.request.urlopen(f"{url}ort/{RUNTIME[2]}") as answer:
            assert answer.headers["Content-Type"] == "application/wasm"
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{url}../pyproject.toml")
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130


def test_a_ticket_that_the_page_does_not_know(run, ticket_file, tmp_path):
    done = run("web", ticket_file, "--out", tmp_path / "site", "--no-serve")
    assert (done.status, "tokenizer is another" in done.stderr) == (1, True)
    assert not (tmp_path / "site").exists()
