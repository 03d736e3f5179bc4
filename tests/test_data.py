"""Data files and data sets: a folder in the published layout, the hub on a local stand-in, and bad input."""

from __future__ import annotations

import gzip
import json
import lzma
from pathlib import Path

import pytest

from hwsim import data
from hwsim.errors import HwsimError
from hwsim.evaluate import accuracy, logits
from hwsim.ticket_file import load_ticket
from hwsim.tokens import encode

ROWS = [("a fine film", 1), ("dull from start to end", 0)]


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    opener = {".gz": gzip.open, ".xz": lzma.open}.get(path.suffix, open)
    with opener(path, "wt", encoding="utf-8") as file:
        file.write(text)


@pytest.mark.parametrize("name", ["a.tsv", "a.tsv.gz", "a.tsv.xz"])
def test_a_tsv_is_read_plain_or_compressed(tmp_path, name):
    write(tmp_path / name, "sentence\tlabel\n" + "".join(f"{s} \t{i}\n" for s, i in ROWS))
    assert data.read_tsv(tmp_path / name) == ROWS


def test_only_a_newline_ends_a_row(tmp_path):
    write(tmp_path / "a.tsv", "sentence\tlabel\nodd\u2028 \x85text\t1\n")
    assert data.read_tsv(tmp_path / "a.tsv") == [("odd\u2028 \x85text", 1)]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "line 1"),
        ("text\tlabel\nx\t1\n", "header sentence<TAB>label"),
        ("sentence\tlabel\n", "no rows"),
        ("sentence\tlabel\nx\t1\ny\n", "line 3"),
        ("sentence\tlabel\nx\tgood\n", "line 2"),
        ("sentence\tlabel\nx\t1\tz\n", "line 2"),
        ("sentence\tlabel\nx\t-1\n", "line 2"),
        ("sentence\tlabel\nx\t1\n \t1\n", "line 3 has an empty sentence"),
    ],
)
def test_a_bad_file_gets_one_error_naming_file_and_line(tmp_path, text, complaint):
    write(tmp_path / "bad.tsv", text)
    with pytest.raises(HwsimError, match=complaint) as error:
        data.read_tsv(tmp_path / "bad.tsv")
    assert str(error.value).count("bad.tsv") == 1


def test_unreadable_files_are_named(tmp_path):
    (tmp_path / "x.tsv.gz").write_bytes(b"not gzip")
    (tmp_path / "x.tsv").write_bytes(b"sentence\tlabel\n\xff\t1\n")
    for name in ("x.tsv.gz", "x.tsv", "absent.tsv"):
        with pytest.raises(HwsimError, match=name):
            data.read_tsv(tmp_path / name)


def test_data_sets_are_found_in_the_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HWSIM_DATA", str(tmp_path))
    write(tmp_path / "sst2-glue/train.tsv.gz", "sentence\tlabel\na fine film \t1\n")
    write(tmp_path / "sst2-sentences/stsa.binary.test.gz", "0 dull from start to end\n")
    write(tmp_path / "imdb/train.tsv.xz", 'label\trating\tid\ttext\n1\t9\t3\tGood.<br />"Very" good.\n')
    assert data.load("sst2", "train") == [("a fine film", 1)]
    assert data.load("sst2", "test") == [("dull from start to end", 0)]
    assert data.load("imdb", "train") == [('Good. "Very" good.', 1)]


def test_an_unknown_data_set_lists_the_known(monkeypatch):
    with pytest.raises(HwsimError, match="sst2/dev"):
        data.load("sst3", "dev")


def test_without_a_folder_the_hub_is_asked(tmp_path, monkeypatch):
    # The hub itself cannot be reached from the tests: its library reads a local folder of the same shape.
    monkeypatch.delenv("HWSIM_DATA", raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    rows = "".join(json.dumps({"idx": n, "sentence": s, "label": i}) + "\n" for n, (s, i) in enumerate(ROWS))
    (tmp_path / "validation.jsonl").write_text(rows)
    source = data._SOURCES["sst2", "dev"]
    local = data._Source(source.file, source.parse, (str(tmp_path), source.hub[1]))
    monkeypatch.setitem(data._SOURCES, ("sst2", "dev"), local)
    assert data.load("sst2", "dev") == ROWS


def test_an_unreachable_hub_is_one_clear_error(monkeypatch):
    monkeypatch.delenv("HWSIM_DATA", raising=False)
    monkeypatch.setitem(
        data._SOURCES,
        ("sst2", "dev"),
        data._Source("x", data.parse_tsv, ("./no-such-folder-of-a-data-set", "validation")),
    )
    with pytest.raises(HwsimError, match="set HWSIM_DATA"):
        data.load("sst2", "dev")


@pytest.mark.data
@pytest.mark.parametrize("split", ["dev"])
def test_the_shipped_ticket_reaches_its_stated_accuracy(split):
    ticket = load_ticket("sst2-tiny")
    examples = data.load("sst2", split)
    found = logits(ticket, encode(ticket, [example.text for example in examples])).argmax(axis=-1)
    right = accuracy(found, [example.label for example in examples])
    assert right == ticket.metrics[f"sst2_{split}"] >= 0.82
