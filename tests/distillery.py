"""A toy data set in the published layout, a tokenizer, and a tiny encoder saved as a teacher."""

from __future__ import annotations

import gzip
import lzma
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

PAIR_TASK = "stsb"
LETTERS = "abcdefghijklmnopqrstuvwxyz"
WORDS = ("good", "bad", "film", "a", "so")


def _sentences(count: int, seed: int) -> list[tuple[str, int]]:
    rng = np.random.default_rng(seed)
    made = []
    for label in rng.integers(0, 2, count).tolist():
        words = rng.choice(["film", "a", "so"], rng.integers(1, 5)).tolist()
        words.insert(rng.integers(0, len(words) + 1), ("bad", "good")[label])
        made.append((" ".join(words), label))
    return made


SENTENCES = _sentences(64, 0)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with (lzma.open if path.suffix == ".xz" else gzip.open)(path, "wt", encoding="utf-8") as file:
        file.write(text)


def write_data(folder: Path) -> None:
    """SST-2 whose sentences are good or bad, three reviews, and two pairs of STS-B."""
    for split, rows in (("train", SENTENCES), ("dev", _sentences(32, 1))):
        lines = "".join(f"{text} \t{label}\n" for text, label in rows)
        _write(folder / f"sst2-glue/{split}.tsv.gz", f"sentence\tlabel\n{lines}")
    _write(folder / "sst2-sentences/stsa.binary.test.gz", "1 so good a film\n")
    reviews = "1\t9\t0\tA good film. So bad film. A film so good.\n"
    _write(folder / "imdb/train.tsv.xz", f"label\trating\tid\ttext\n{reviews}")
    header = "index genre filename year old_index source1 source2 sentence1 sentence2 score".replace(
        " ", "\t"
    )
    rows = "0\tg\tf\ty\t1\tn\tn\ta good film\ta film\t3.800\n1\tg\tf\ty\t1\tn\tn\tgood\tbad\t0.000\n"
    for split in ("train", "dev"):
        _write(folder / f"glue-sts-b/{split}.tsv.gz", f"{header}\n{rows}")


def large(separator: bool = True) -> Tokenizer:
    """A WordPiece tokenizer with BERT's special pieces."""
    special = ["[PAD]", "[UNK]", "[CLS]", *(["[SEP]"] if separator else [])]
    pieces = dict.fromkeys([*special, *LETTERS, *(f"##{c}" for c in LETTERS), *WORDS])
    vocabulary = {piece: i for i, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    if separator:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]",
            pair="[CLS] $A [SEP] $B:1 [SEP]:1",
            special_tokens=[(piece, vocabulary[piece]) for piece in ("[CLS]", "[SEP]")],
        )
    return tokenizer


def small_encoder(folder: Path, seed: int = 0) -> Path:
    """A random BERT with its tokenizer, as `AutoModel.from_pretrained` takes it."""
    from transformers import BertConfig, BertModel

    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=large().get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=48,
        max_position_embeddings=40,
        initializer_range=0.2,
    )
    BertModel(config).save_pretrained(folder)
    large().save(str(folder / "tokenizer.json"))
    return folder
