"""The recipe's parts that need no teacher: vocabulary, batches, its documented table."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from typer.testing import CliRunner

from hwsim.errors import ConfigError
from hwsim.models import vocabulary
from hwsim.models.batches import Bucketed, Sequences
from hwsim.models.recipes import sst2
from hwsim.models.recipes.table import table
from hwsim.ticket_file import load_ticket

ROOT = Path(__file__).parents[2]


def large() -> Tokenizer:
    letters = "abcdefghijklmnopqrstuvwxyz"
    pieces = ["[PAD]", "[UNK]", *letters, *(f"##{c}" for c in letters), "good", "bad", "film", "##s", "rare"]
    tokenizer = Tokenizer(
        models.WordPiece({p: i for i, p in enumerate(dict.fromkeys(pieces))}, unk_token="[UNK]")
    )
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return tokenizer


def test_a_small_vocabulary_keeps_frequent_pieces_and_spells_the_rest():
    small, rows = vocabulary.shrink(large(), ["good film", "good films", "bad film"], 57)
    assert len(rows) == 57
    assert small.encode("Good films").tokens == ["good", "film", "##s"]
    assert small.encode("rare").tokens == ["r", "##a", "##r", "##e"]
    names = {i: piece for piece, i in large().get_vocab().items()}
    assert all(small.token_to_id(names[old]) == new for new, old in enumerate(rows))


def test_a_vocabulary_too_small_for_the_characters_is_refused():
    with pytest.raises(ConfigError, match="single characters"):
        vocabulary.shrink(large(), ["good"], 20)


def test_principal_rows_keep_distances_and_have_mean_magnitude_one():
    table = np.random.default_rng(0).normal(size=(40, 8))
    rows = vocabulary.principal_rows(table, 8)
    assert np.abs(rows).mean() == pytest.approx(1.0, rel=1e-5)
    before = np.linalg.norm(table[:, None] - table, axis=-1)
    after = np.linalg.norm(rows[:, None] - rows, axis=-1)
    ratio = after[before > 0] / before[before > 0]
    assert ratio.std() / ratio.mean() < 1e-5


def test_batches_cover_every_sequence_once():
    rng = np.random.default_rng(0)
    data = Sequences.pack([rng.integers(0, 9, n).tolist() for n in rng.integers(1, 40, 100)], 32)
    seen = []
    for index, token_ids, mask in Bucketed(data, "cpu").batches(16, torch.Generator().manual_seed(0)):
        seen += index.tolist()
        for row, i in enumerate(index.tolist()):
            want = data.ids[data.start[i] : data.start[i + 1]].tolist()
            assert token_ids[row][mask[row]].tolist() == want
    assert sorted(seen) == list(range(100))


def test_the_documented_table_is_the_one_the_records_give():
    written = (ROOT / "docs" / "training.md").read_text()
    assert table(ROOT / "models" / "recipes" / "sst2.json") in written


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    """What `prepare` writes and a teacher leaves behind, for a handful of sentences."""
    rng = np.random.default_rng(0)
    arrays: dict[str, np.ndarray] = {"rows": rng.normal(size=(sst2.VOCABULARY, sst2.WIDTH))}
    logits = {}
    for split, count in (("train", 40), ("dev", 10), ("test", 10), ("extra", 20)):
        packed = Sequences.pack([rng.integers(2, 50, n).tolist() for n in rng.integers(1, 9, count)], 64)
        arrays |= {f"{split}.small.ids": packed.ids, f"{split}.small.start": packed.start}
        arrays[f"{split}.labels"] = rng.integers(0, 2, count)
        logits[split] = rng.normal(size=(count, 2))
    np.savez(tmp_path / "ids.npz", **arrays)
    np.savez(tmp_path / "teacher.npz", **logits)
    (tmp_path / "tokenizer.json").write_text(vocabulary.compact(large()))
    return tmp_path


def test_the_recipe_trains_scores_and_stamps_a_ticket(prepared, monkeypatch):
    run = CliRunner().invoke
    out = prepared / "seed1.safetensors"
    words = ["train", str(prepared), "--out", str(out), "--seed", "1", "--epochs", "3", "--device", "cpu"]
    trained = run(sst2.app, words)
    assert trained.exit_code == 0, trained.output
    assert json.loads(out.with_suffix(".json").read_text())["seed"] == 1
    ticket = load_ticket(out)
    assert 0.1 < ticket.density <= 1

    folder = prepared / "data" / "sst2-glue"
    folder.mkdir(parents=True)
    with gzip.open(folder / "dev.tsv.gz", "wt") as file:
        file.write("sentence\tlabel\ngood film\t1\nbad film\t0\n")
    monkeypatch.setenv("HWSIM_DATA", str(folder.parent))
    done = run(sst2.app, ["score", str(out), "--out", str(prepared / "stamped.safetensors")])
    assert done.exit_code == 0, done.output
    stamped = load_ticket(prepared / "stamped.safetensors")
    assert stamped.digest() == ticket.digest()
    assert set(stamped.metrics) == {"sst2_dev"}
    assert stamped.provenance["training"]["seed"] == 1
    assert all(command.startswith("python -m") for command in stamped.provenance["commands"])


@pytest.mark.parametrize("model", ["float_dot", "float_inhibitor"])
def test_the_recipe_trains_the_yardsticks(prepared, model):
    out = prepared / "float.safetensors"
    words = ["train", str(prepared), "--out", str(out), "--model", model, "--epochs", "1", "--device", "cpu"]
    assert CliRunner().invoke(sst2.app, words).exit_code == 0
    assert json.loads(out.with_suffix(".json").read_text())["model"] == model
    assert not out.exists()


def test_an_unknown_model_is_refused(prepared):
    words = ["train", str(prepared), "--out", str(prepared / "x.safetensors"), "--model", "float"]
    assert CliRunner().invoke(sst2.app, words).exit_code == 2
