"""A ticket's tokenizer, described for the page."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from hwsim.errors import UnsupportedError
from hwsim.ticket import Ticket
from hwsim.tokens import tokenizer

CODE_POINTS = (range(0xD800), range(0xE000, 0x32400), range(0xE0000, 0xE1000), range(0xF0000, 0x110000))
"""Without surrogates and the planes in which no version of Unicode has put a character."""


def describe(ticket: Ticket) -> dict[str, Any]:
    """What `site/tokenizer.mjs` needs: vocabulary, unknown piece, what is dropped and what is punctuation.

    The ranges are asked of the `tokenizers` package, character by character, so that the page does not
    depend on the browser's version of Unicode. Raises UnsupportedError for any but a lower-casing WordPiece
    tokenizer with BERT's rules.
    """
    found = tokenizer(ticket.tokenizer)
    stored = json.loads(ticket.tokenizer)
    model, normaliser = stored["model"], stored.get("normalizer") or {}
    rules = (
        model.get("type") == "WordPiece"
        and model.get("continuing_subword_prefix") == "##"
        and (stored.get("pre_tokenizer") or {}).get("type") == "BertPreTokenizer"
        and normaliser.get("type") == "BertNormalizer"
        and normaliser.get("lowercase")
        and normaliser.get("strip_accents") is not False
        and normaliser.get("clean_text")
        and normaliser.get("handle_chinese_chars")
        and not stored.get("added_tokens")
    )
    if not rules:
        raise UnsupportedError(
            "the page knows lower-casing WordPiece tokenizers with BERT's rules only; "
            "this ticket's tokenizer is another"
        )
    normalise, split = found.normalizer.normalize_str, found.pre_tokenizer.pre_tokenize_str
    return {
        "vocabulary": model["vocab"],
        "unknown": model["unk_token"],
        "dropped": ranges(lambda c: not normalise(c)),
        "punctuation": ranges(lambda c: len(split(f"a{c}")) == 2),
    }


def ranges(belongs: Callable[[str], bool]) -> list[list[int]]:
    """The code points of which `belongs` is true, as sorted [first, last] pairs."""
    return _joined(code for part in CODE_POINTS for code in part if belongs(chr(code)))


def _joined(codes: Iterable[int]) -> list[list[int]]:
    found: list[list[int]] = []
    for code in codes:
        if found and found[-1][1] == code - 1:
            found[-1][1] = code
        else:
            found.append([code, code])
    return found
