"""Data sets of the hub, in whose place is a local folder of its shape or a server that knows nothing."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import datasets
import pytest

from hwsim import data
from hwsim.data.formats import Example
from hwsim.data.sources import SOURCES, Hub
from hwsim.errors import HwsimError

HUB_ROWS = {
    ("sst2", "dev"): ({"idx": 0, "sentence": "a fine film ", "label": 1}, Example("a fine film", 1)),
    ("imdb", "test"): ({"text": "Good.<br />Very.", "label": 1}, Example("Good. Very.", 1)),
    ("trec", "test"): (
        {"text": "Where ?", "coarse_label": 4, "fine_label": 30},
        Example("Where ?", 4),
    ),
    ("rte", "dev"): (
        {"sentence1": "It rains.", "sentence2": "It is wet. ", "label": 0, "idx": 0},
        Example("It rains.", 0, "It is wet."),
    ),
    ("stsb", "dev"): ({"sentence1": "a", "sentence2": "b", "label": 3.5, "idx": 0}, Example("a", 3.5, "b")),
    ("cola", "dev"): ({"sentence": "The car left.", "label": 1, "idx": 0}, Example("The car left.", 1)),
}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No folder of data sets, and nothing fetched before."""
    monkeypatch.delenv("HWSIM_DATA", raising=False)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)


class Server:
    """A hub on loopback, and what it was asked."""

    def __init__(self, answers: bool) -> None:
        asked = self.asked = []

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                asked.append(self.path)
                if answers:
                    self.send_response(404)
                    self.send_header("X-Error-Code", "RepoNotFound")
                    self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def hub(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    made = Server(request.param)
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    monkeypatch.setattr(datasets.config, "HF_ENDPOINT", made.url)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


def published(monkeypatch: pytest.MonkeyPatch, name: str, split: str, place: object) -> Hub:
    """Publish a split somewhere else."""
    hub = dataclasses.replace(SOURCES[name, split].hub, name=str(place), config=None, revision=None)
    monkeypatch.setitem(SOURCES, (name, split), dataclasses.replace(SOURCES[name, split], hub=hub))
    return hub


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize(("name", "split"), HUB_ROWS)
def test_without_a_folder_the_hub_is_asked(tmp_path, monkeypatch, name, split):
    row, example = HUB_ROWS[name, split]
    hub = published(monkeypatch, name, split, tmp_path)
    (tmp_path / f"{hub.split}.jsonl").write_text(json.dumps(row) + "\n")
    assert data.load(name, split) == [example]


@pytest.mark.usefixtures("offline")
def test_a_hub_without_the_expected_column_is_one_clear_error(tmp_path, monkeypatch):
    published(monkeypatch, "sst2", "dev", tmp_path)
    (tmp_path / "validation.jsonl").write_text('{"text": "a", "label": 1}\n')
    with pytest.raises(HwsimError, match="sentence is not there"):
        data.load("sst2", "dev")


@pytest.mark.parametrize("hub", [False], indirect=True)
def test_a_hub_that_does_not_answer_is_asked_once_and_one_clear_error(hub, monkeypatch):
    published(monkeypatch, "sst2", "dev", "nobody/rows")
    with pytest.raises(HwsimError, match=rf"nobody/rows cannot .* \({hub.url} does not.*set HWSIM_DATA"):
        data.load("sst2", "dev")
    assert len(hub.asked) == 1
    assert not datasets.config.HF_HUB_OFFLINE


@pytest.mark.parametrize("hub", [False], indirect=True)
def test_what_was_fetched_before_needs_no_hub(hub, tmp_path, cache, monkeypatch):
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "validation.jsonl").write_text('{"sentence": "a", "label": 1}\n')
    datasets.load_dataset(str(tmp_path / "rows"))
    # So the library calls what it keeps of a data set of the hub.
    (cache / "rows").rename(cache / "nobody___rows")
    published(monkeypatch, "sst2", "dev", "nobody/rows")
    assert data.load("sst2", "dev") == [Example("a", 1)]
    assert len(hub.asked) == 1


@pytest.mark.parametrize("hub", [True], indirect=True)
def test_a_hub_that_answers_is_asked_for_the_data_set(hub, monkeypatch):
    published(monkeypatch, "sst2", "dev", "nobody/rows")
    with pytest.raises(HwsimError, match=r"'nobody/rows' doesn't exist on the Hub.*set HWSIM_DATA"):
        data.load("sst2", "dev")
    assert any("nobody/rows" in path for path in hub.asked)
