"""Tasks as token ids: pairs, truncation, the file, and what is refused."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from distillery import PAIR_TASK, SENTENCES, large, small_encoder, write_data
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer
from typer.testing import CliRunner

from hwsim.errors import ConfigError, HwsimError
from hwsim.models import tasks, vocabulary
from hwsim.models.batches import Sequences
from hwsim.models.distill.teacher import load_encoder
from hwsim.models.tasks.__main__ import app
from hwsim.models.tasks.encode import encode, shares
from hwsim.models.tasks.transfer import blends, sentences


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_data(tmp_path / "data")
    monkeypatch.setenv("HWSIM_DATA", str(tmp_path / "data"))
    return tmp_path


def test_a_task_survives_its_file(folder):
    made = tasks.prepare(
        "sst2", large(), 8, extra=["a film"], teacher=large(), rows=np.ones((9, 4), np.float16)
    )
    tasks.save(made, folder / "sst2.safetensors")
    found = tasks.load("sst2", folder)
    assert found.task is made.task
    assert (found.max_tokens, found.vocabulary, found.tokenizer) == (8, made.vocabulary, made.tokenizer)
    assert np.array_equal(found.rows, made.rows)
    assert list(found.splits) == ["train", "dev", "test", "extra"]
    for name, split in made.splits.items():
        other = found.splits[name]
        assert np.array_equal(split.data.ids, other.data.ids)
        assert np.array_equal(split.data.start, other.data.start)
        assert np.array_equal(split.labels, other.labels)
        assert np.array_equal(split.teacher.ids, other.teacher.ids)
        assert split.truncated == other.truncated
    assert found.splits["extra"].labels.tolist() == [-1]
    assert not found.splits["extra"].known.any()
    assert found.splits["train"].known.all()


def test_no_text_is_in_the_file(folder):
    path = tasks.save(tasks.prepare("sst2", large(), 8), folder / "sst2.safetensors")
    assert SENTENCES[0][0].encode() not in path.read_bytes()


def test_long_texts_lose_their_middle_and_are_counted():
    ids, cut = encode(large(), ["good film", "good film film bad bad bad", "\u200b"], None, 4)
    good, bad, film = (large().token_to_id(piece) for piece in ("good", "bad", "film"))
    assert ids == [[good, film], [good, bad, bad, bad], [large().token_to_id("[UNK]")]]
    assert cut == 1


def test_pairs_are_joined_by_the_separator_and_the_longer_part_is_cut():
    good, bad, film, separator = (large().token_to_id(p) for p in ("good", "bad", "film", "[SEP]"))
    firsts = ["good", "good film film film film", "good film film"]
    seconds = ["bad film", "bad", "bad film film"]
    ids, cut = encode(large(), firsts, seconds, 5)
    assert ids == [
        [good, separator, bad, film],
        [good, film, film, separator, bad],
        [good, film, separator, bad, film],
    ]
    assert cut == 2


@given(st.integers(1, 40), st.integers(1, 40), st.integers(2, 60))
def test_shares_are_those_of_cutting_one_piece_at_a_time(first, second, most):
    a, b = first, second
    while a + b > most:
        if a >= b:
            a -= 1
        else:
            b -= 1
    assert shares(first, second, most) == (a, b)


def test_a_pair_task_is_prepared_for_regression(folder):
    made = tasks.prepare(PAIR_TASK, large(), 16, teacher=large())
    split = made.splits["dev"]
    assert split.labels.dtype == np.float32
    assert split.labels.tolist() == pytest.approx([3.8, 0.0])
    assert list(made.splits) == ["train", "dev"]
    assert (split.data.ids == large().token_to_id("[SEP]")).sum() == 2


def test_a_vocabulary_without_separator_is_refused_for_pairs(folder):
    tokenizer, _ = vocabulary.shrink(large(separator=False), ["good film"], 60)
    with pytest.raises(ConfigError, match=r"\[SEP\]"):
        tasks.prepare(PAIR_TASK, tokenizer, 16)


def test_a_shrunk_vocabulary_keeps_the_separator():
    tokenizer, rows = vocabulary.shrink(large(), ["good film"], 60)
    assert tokenizer.token_to_id("[SEP]") == 2
    assert rows[2] == large().token_to_id("[SEP]")


def test_the_adding_problem_needs_no_file():
    found = tasks.load("adding", max_tokens=16)
    assert found.task.regression
    assert {name: len(split.data) for name, split in found.splits.items()} == {
        "train": 20_000,
        "dev": 2_000,
        "test": 2_000,
    }
    assert (found.splits["dev"].data.lengths == 16).all()
    assert found.splits["dev"].data.ids.max() < found.vocabulary
    with pytest.raises(HwsimError, match="no text"):
        tasks.prepare("adding", large())


def test_what_is_missing_or_damaged_is_named(folder):
    with pytest.raises(HwsimError, match=r"sst3.*known are"):
        tasks.load("sst3", folder)
    with pytest.raises(HwsimError, match=r"hwsim\.models\.tasks .* trec"):
        tasks.load("trec", folder)
    made = tasks.prepare("sst2", large(), 8)
    path = tasks.save(made, folder / "trec.safetensors")
    with pytest.raises(HwsimError, match="holds the task sst2"):
        tasks.load("trec", folder)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(HwsimError, match="not a prepared task"):
        tasks.load("trec", folder)


@pytest.mark.parametrize("what", ["labels", "start", "ids"])
def test_parts_that_do_not_fit_are_refused(folder, what):
    made = tasks.prepare("sst2", large(), 8)
    split = made.splits["dev"]
    changes = {
        "labels": tasks.Split(split.data, split.labels[1:]),
        "start": tasks.Split(Sequences(split.data.ids, split.data.start + 1), split.labels),
        "ids": tasks.Split(Sequences(split.data.ids + np.uint16(60_000), split.data.start), split.labels),
    }
    broken = tasks.TaskData(made.task, 8, made.vocabulary, made.splits | {"dev": changes[what]})
    path = tasks.save(broken, folder / "sst2.safetensors")
    with pytest.raises(HwsimError, match=f"{path}: not a prepared task"):
        tasks.read(path)


def test_sentences_are_split_filtered_and_drawn_without_repeats():
    reviews = ["A fine film. It runs well! No. A fine film. Was it long? " + "word " * 50 + "."]
    assert sentences(reviews, 9) == ["A fine film.", "It runs well!", "Was it long?"]
    assert len(sentences(reviews, 2)) == 2


def test_blends_of_training_texts() -> None:
    texts = ["a fine film", "it runs well and long", "  ", "was it"]
    found = blends(texts, 200)
    assert found == blends(texts, 200) and len(found) == 200
    words = {word for text in texts for word in text.split()}
    assert all(text and set(text.split()) <= words for text in found)
    whole = [text.split() for text in texts if text.strip()]
    for joined in found[::2]:
        part = joined.split()
        assert any(
            part[:i] == a[:i] and part[i:] == b[len(b) - len(part) + i :]
            for i in range(1, len(part) + 1)
            for a in whole
            for b in whole
            if len(b) >= len(part) - i
        ), joined
    assert {len(text.split()) for text in found[1::2]} == {2, 3, 5}
    assert any(text not in texts for text in found[1::2])
    assert blends([], 3) == []


def test_token_rows_may_come_from_another_encoder_than_the_teacher(folder):
    homes = [small_encoder(folder / name, seed) for seed, name in enumerate(("teacher", "other"))]
    arguments = [
        folder / "made",
        "sst2",
        "--teacher",
        homes[0],
        "--rows",
        homes[1],
        "--size",
        58,
        "--width",
        16,
    ]
    done = CliRunner().invoke(app, list(map(str, arguments)))
    assert done.exit_code == 0, done.output
    found = tasks.load("sst2", folder / "made")
    pieces = Tokenizer.from_str(found.tokenizer)
    known = [large().token_to_id(pieces.id_to_token(i)) for i in range(found.vocabulary)]
    table = load_encoder(homes[1]).get_input_embeddings().weight.detach().numpy()
    assert np.array_equal(found.rows, vocabulary.principal_rows(table[known], 16).astype(np.float16))


def test_the_command_writes_tasks_with_one_vocabulary(folder):
    home = small_encoder(folder / "teacher")
    with gzip.open(folder / "data/sst2-glue/train.tsv.gz", "at") as file:
        file.write("a film so good \t1\n")
    arguments = [folder / "made", "sst2", PAIR_TASK, "--teacher", home, "--size", 58, "--width", 16]
    more = ["--max-tokens", 8, "--extra", 2, "--spans", 1, "--blends", 3]
    done = CliRunner().invoke(app, [str(a) for a in [*arguments, *more]])
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert said["sst2"]["examples"] == {"train": 65, "dev": 32, "test": 1, "extra": 6}
    found = tasks.load("sst2", folder / "made")
    assert found.rows.shape == (found.vocabulary, 16)
    assert found.vocabulary == 58
    assert found.tokenizer == tasks.load(PAIR_TASK, folder / "made").tokenizer
    assert found.splits["train"].teacher is not None
