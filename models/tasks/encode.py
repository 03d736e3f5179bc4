"""Texts and pairs to token ids, and the rule by which long ones are cut."""

from __future__ import annotations

from collections.abc import Sequence

from tokenizers import Tokenizer

from hwsim.errors import ConfigError
from hwsim.models.vocabulary import SEPARATOR, UNKNOWN
from hwsim.tokens import shorten

BATCH = 10_000


def encode(
    tokenizer: Tokenizer, texts: Sequence[str], seconds: Sequence[str] | None, most: int
) -> tuple[list[list[int]], int]:
    """(ids of each example, how many were cut) for texts, or for pairs if `seconds` is given.

    A text loses its middle (`hwsim.tokens.shorten`). A pair is `first [SEP] second`; its longer part is cut
    at its end until the
    whole fits, one piece at a time, the first part where both are equal. The model has rows for tokens and
    positions only: positions run on through both parts, and the separator alone tells them apart. A text
    without any piece becomes the unknown piece.
    Raises ConfigError if the vocabulary has no unknown piece, or no separator and pairs are given.
    """
    firsts = _ids(tokenizer, texts)
    if seconds is None:
        return [shorten(ids, most) for ids in firsts], sum(len(ids) > most for ids in firsts)
    separator = tokenizer.token_to_id(SEPARATOR)
    if separator is None:
        raise ConfigError(f"the tokenizer has no piece {SEPARATOR}; a pair of texts needs it")
    pairs, cut = [], 0
    for first, second in zip(firsts, _ids(tokenizer, seconds), strict=True):
        a, b = shares(len(first), len(second), most - 1)
        cut += a + b < len(first) + len(second)
        pairs.append([*first[:a], separator, *second[:b]])
    return pairs, cut


def shares(first: int, second: int, most: int) -> tuple[int, int]:
    """Lengths of both parts of a pair after cutting the longer, one piece at a time, until `most` remain."""
    cut = max(0, first + second - most)
    levelling = min(cut, abs(first - second))
    if first > second:
        first -= levelling
    else:
        second -= levelling
    # Now both are equally long, or nothing is left to cut.
    rest = cut - levelling
    return first - (rest + 1) // 2, second - rest // 2


def _ids(tokenizer: Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    unknown = tokenizer.token_to_id(UNKNOWN)
    if unknown is None:
        raise ConfigError(f"the tokenizer has no piece {UNKNOWN}; a text without any piece needs it")
    found: list[list[int]] = []
    for start in range(0, len(texts), BATCH):
        batch = tokenizer.encode_batch(list(texts[start : start + BATCH]), add_special_tokens=False)
        found += [encoding.ids or [unknown] for encoding in batch]
    return found


def encode_for_teacher(
    tokenizer: Tokenizer, texts: Sequence[str], seconds: Sequence[str] | None, most: int
) -> list[list[int]]:
    """Ids as the teacher was pre-trained to read them, with its own special pieces."""
    tokenizer.no_padding()
    tokenizer.enable_truncation(most)
    found: list[list[int]] = []
    for start in range(0, len(texts), BATCH):
        part = slice(start, start + BATCH)
        batch = texts[part] if seconds is None else list(zip(texts[part], seconds[part], strict=True))
        found += [encoding.ids for encoding in tokenizer.encode_batch(list(batch))]
    return found
