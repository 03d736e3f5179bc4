"""Data files and data sets: a folder in the published layout, and bad input."""

from __future__ import annotations

import gzip
import lzma
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from hwsim import data
from hwsim.data.adding import LEVELS, VOCABULARY, adding
from hwsim.data.formats import Example
from hwsim.data.sources import SOURCES
from hwsim.data.splits import held_out, without
from hwsim.errors import HwsimError
from hwsim.evaluate import accuracy, logits
from hwsim.ticket_file import load_ticket
from hwsim.tokens import encode

ROWS = [Example("a fine film", 1), Example("dull from start to end", 0)]


def write(path: Path, text: str, encoding: str = "utf-8") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    opener = {".gz": gzip.open, ".xz": lzma.open}.get(path.suffix, open)
    with opener(path, "wt", encoding=encoding, newline="") as file:
        file.write(text)


@pytest.mark.parametrize("name", ["a.tsv", "a.tsv.gz", "a.tsv.xz"])
def test_a_tsv_is_read_plain_or_compressed(tmp_path, name):
    write(tmp_path / name, "sentence\tlabel\n" + "".join(f"{s} \t{i}\n" for s, i, _ in ROWS))
    assert data.read_tsv(tmp_path / name) == ROWS


def test_only_a_newline_ends_a_row(tmp_path):
    write(tmp_path / "a.tsv", "sentence\tlabel\nodd\u2028 \x85text\t1\n")
    assert data.read_tsv(tmp_path / "a.tsv") == [Example("odd\u2028 \x85text", 1)]


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
        ("sentence\tlabel\nx\t1\n \t1\n", "line 3 does not fit: an empty sentence"),
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


FILES = {
    ("sst2", "train"): (
        "sst2-glue/train.tsv.gz",
        "sentence\tlabel\na fine film \t1\n",
        Example("a fine film", 1),
    ),
    ("sst2", "test"): ("sst2-sentences/stsa.binary.test.gz", "0 so dull\n", Example("so dull", 0)),
    ("imdb", "reviews"): (
        "imdb/train.tsv.xz",
        'label\trating\tid\ttext\n1\t9\t3\tGood.<br />"Very" good.\n',
        Example('Good. "Very" good.', 1),
    ),
    ("sst5", "dev"): ("sst5/stsa.fine.dev.gz", "4 great fun\n", Example("great fun", 4)),
    ("trec", "test"): (
        "trec/TREC.test.gz",
        "LOC:other Where is S\xe3o Paulo : the city ?\n",
        Example("Where is S\xe3o Paulo : the city ?", 4),
    ),
    ("cola", "dev"): ("glue-cola/dev.tsv.gz", 'gj04\t0\t*\tThe "car left.\n', Example('The "car left.', 0)),
    ("rte", "dev"): (
        "glue-rte/dev.tsv.gz",
        "index\tsentence1\tsentence2\tlabel\n0\tIt rains.\tIt is wet.\tentailment\n",
        Example("It rains.", 0, "It is wet."),
    ),
    ("stsb", "dev"): (
        "glue-sts-b/dev.tsv.gz",
        "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\tscore\n"
        '0\tg\tf\ty\t1\tnone\tnone\tA "man.\tA boy.\t3.800\n',
        Example('A "man.', 3.8, "A boy."),
    ),
}


@pytest.mark.parametrize(("name", "split"), FILES)
def test_data_sets_are_found_in_the_folder(tmp_path, monkeypatch, name, split):
    monkeypatch.setenv("HWSIM_DATA", str(tmp_path))
    file, text, example = FILES[name, split]
    write(tmp_path / file, text, "latin-1" if name == "trec" else "utf-8")
    assert data.load(name, split) == [example]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("trec", "LOC:other Where ?\nCITY:x Which ?\n"),
        ("cola", "gj04\t1\t\tA b.\ngj04\t1\tA b.\n"),
        ("rte", "index\tsentence1\tsentence2\tlabel\n0\ta\tb\tmaybe\n"),
        ("stsb", FILES["stsb", "dev"][1].replace("3.800", "high")),
        ("sst5", "4 great fun\ngood\n"),
    ],
)
def test_a_broken_row_of_a_data_set_names_file_and_line(tmp_path, monkeypatch, name, text):
    monkeypatch.setenv("HWSIM_DATA", str(tmp_path))
    source = SOURCES[name, "test" if name == "trec" else "dev"]
    write(tmp_path / source.file, text)
    with pytest.raises(HwsimError, match="line 2") as error:
        data.load(name, "test" if name == "trec" else "dev")
    assert str(tmp_path / source.file) in str(error.value)


def reviews(folder: Path) -> None:
    """20 training reviews of which two occur in the test, one twice in the training."""
    texts = [f"review {n}" for n in range(20)]
    train = [(n % 2, text) for n, text in enumerate(texts)] + [(1, "review  3")]
    test = [(0, "Review 4"), (1, "review 5"), (1, "another")]
    for name, rows in (("train", train), ("test", test)):
        lines = "".join(f"{label}\t9\t0\t{text}\n" for label, text in rows)
        write(folder / f"imdb/{name}.tsv.xz", "label\trating\tid\ttext\n" + lines)


def test_reviews_are_split_by_text_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("HWSIM_DATA", str(tmp_path))
    monkeypatch.setitem(data.HELD_OUT, "imdb", 6)
    reviews(tmp_path)
    parts = {split: {example.text for example in data.load("imdb", split)} for split in ("train", "dev")}
    assert len(parts["dev"]) == 6
    keys = {split: {text.replace(" ", "") for text in texts} for split, texts in parts.items()}
    assert not keys["train"] & keys["dev"]
    assert keys["train"] | keys["dev"] == {f"review{n}" for n in range(20)} - {"review4", "review5"}
    assert len(data.load("imdb", "reviews")) == 21


def test_the_held_out_examples_do_not_depend_on_order_and_keep_the_balance():
    examples = [Example(f"text {n}", n % 3 == 0) for n in range(90)]
    chosen = held_out(examples, 10)
    assert chosen == held_out(examples[::-1], 10)
    assert Counter(example.label for example in chosen) == {0: 7, 1: 3}
    assert len(without(examples, chosen)) == 80


def test_the_adding_problem_says_the_sum_of_its_marked_numbers():
    token_ids, sums = adding("dev", 10)
    assert token_ids.shape == (2000, 10)
    assert token_ids.min() >= 1
    assert token_ids.max() < VOCABULARY
    marked = token_ids > LEVELS
    assert (marked[:, :5].sum(axis=1) == 1).all()
    assert (marked[:, 5:].sum(axis=1) == 1).all()
    level = (token_ids - 1) % LEVELS
    np.testing.assert_allclose(sums, (level * marked).sum(axis=1) / (LEVELS - 1), rtol=1e-6)
    assert np.array_equal(adding("dev", 10)[0], token_ids)
    assert not np.array_equal(adding("test", 10)[0], token_ids)
    # The best constant answer, the mean, leaves the variance of a sum of two uniform numbers.
    assert sums.var() == pytest.approx(1 / 6, rel=0.1)


@pytest.mark.parametrize(("split", "tokens"), [("all", 8), ("dev", 1)])
def test_an_impossible_adding_problem_is_refused(split, tokens):
    with pytest.raises(HwsimError, match="adding problem"):
        adding(split, tokens)


def test_an_unknown_data_set_lists_the_known(monkeypatch):
    with pytest.raises(HwsimError, match="sst2/dev"):
        data.load("sst3", "dev")


def test_every_task_with_text_has_splits():
    for name, task in data.TASKS.items():
        assert bool(data.splits(name)) == task.text
        if task.text:
            assert {"train", "dev"} <= set(data.splits(name))


COUNTS = {
    "sst2": (67_349, 872, 1_821),
    # 24,996 of 25,000 are there; 123 also stand in the test, 9 repeat a dev text.
    "imdb": (22_364, 2_500, 24_996),
    "sst5": (8_544, 1_101, 2_210),
    "trec": (4_945, 500, 500),
    "cola": (8_551, 1_043),
    "rte": (2_490, 277),
    "stsb": (5_749, 1_500),
}


@pytest.mark.data
@pytest.mark.parametrize("name", COUNTS)
def test_published_counts(name):
    found = {
        split: data.load(name, split) for split in ("train", "dev", "test") if split in data.splits(name)
    }
    assert tuple(len(part) for part in found.values()) == COUNTS[name]
    task = data.TASKS[name]
    for part in found.values():
        assert all(example.text and bool(example.second) == task.pair for example in part)
        if not task.regression:
            assert {example.label for example in part} == set(range(task.classes))
    if name == "imdb":
        assert len(without(data.load("imdb", "reviews"), found["test"])) == 24_996 - 123
        assert without(found["train"], found["dev"]) == found["train"]


@pytest.mark.data
@pytest.mark.parametrize("split", ["dev"])
def test_the_shipped_ticket_reaches_its_stated_accuracy(split):
    ticket = load_ticket("sst2-tiny")
    examples = data.load("sst2", split)
    found = logits(ticket, encode(ticket, [example.text for example in examples])).argmax(axis=-1)
    right = accuracy(found, [example.label for example in examples])
    assert right == ticket.metrics[f"sst2_{split}"] >= 0.82
