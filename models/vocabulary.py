"""A small WordPiece vocabulary cut from a large one, and token rows of small width to start from."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable

import numpy as np
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from hwsim.errors import ConfigError

PADDING, UNKNOWN, SEPARATOR = "[PAD]", "[UNK]", "[SEP]"


def shrink(tokenizer: Tokenizer, texts: Iterable[str], size: int) -> tuple[Tokenizer, list[int]]:
    """Keep the `size` most used pieces of a WordPiece tokenizer: (new tokenizer, old ids of its rows).

    Every single character is kept, so any word the old vocabulary could spell still has a spelling.
    Row 0 is padding, row 1 the unknown piece, row 2 the separator of pairs if the large one has it.
    Raises ConfigError if the single characters alone exceed `size`.
    """
    old = tokenizer.get_vocab()
    single = [piece for piece in old if len(piece.removeprefix("##")) == 1]
    special = [PADDING, UNKNOWN, *([SEPARATOR] if SEPARATOR in old else [])]
    kept = [*special, *sorted(single, key=old.__getitem__)]
    if len(kept) > size:
        raise ConfigError(f"size is {size}; the single characters alone need {len(kept)} rows")
    counts = Counter(
        piece
        for encoding in tokenizer.encode_batch(list(texts), add_special_tokens=False)
        for piece in encoding.tokens
    )
    rest = sorted((piece for piece in counts if piece not in kept), key=lambda p: (-counts[p], old[p]))
    kept += rest[: size - len(kept)]
    small = Tokenizer(models.WordPiece({p: i for i, p in enumerate(kept)}, unk_token=UNKNOWN))
    small.normalizer = normalizers.BertNormalizer(lowercase=True)
    small.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return small, [old[piece] for piece in kept]


def principal_rows(table: np.ndarray, width: int) -> np.ndarray:
    """The rows of `table` [v, large] in their first `width` principal directions, mean magnitude 1."""
    centred = table.astype(np.float64) - table.mean(axis=0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    rows = centred @ directions[:width].T
    # A random rotation spreads the variance evenly over the features: all share one integer scale.
    rotation, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(width, width)))
    rows = rows @ rotation
    return (rows / np.abs(rows).mean()).astype(np.float32)


def compact(tokenizer: Tokenizer) -> str:
    """The tokenizer's JSON without white space."""
    return json.dumps(json.loads(tokenizer.to_str()), separators=(",", ":"), ensure_ascii=False)
