"""The recipe's parts that need no teacher: vocabulary, batches, its documented table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from hwsim.errors import ConfigError
from hwsim.models import vocabulary
from hwsim.models.batches import Bucketed, Sequences
from hwsim.models.recipes.sst2 import sentences
from hwsim.models.recipes.table import table

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


def test_sentences_are_split_filtered_and_unique():
    reviews = ["A fine film. It runs well! No. A fine film. Was it long? " + "word " * 50 + "."]
    assert sentences(reviews) == ["A fine film.", "It runs well!", "Was it long?"]


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
