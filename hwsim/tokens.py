"""Text to token ids with the tokenizer a ticket carries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from hwsim.errors import HwsimError, TicketError
from hwsim.ticket import Ticket


@dataclass(frozen=True)
class Encoded:
    """A padded batch of texts."""

    token_ids: np.ndarray
    """int32 [batch, longest]; padding holds id 0."""
    mask: np.ndarray
    """bool [batch, longest], True at real tokens."""
    pieces: list[list[str]]
    """The pieces of each text, as shown in pictures."""
    truncated: int
    """How many texts were cut to max_tokens pieces."""


@lru_cache(maxsize=4)
def tokenizer(text: str) -> Tokenizer:
    """The tokenizer of a ticket's JSON. Raises TicketError if the text is none."""
    if not text:
        raise TicketError("this ticket carries no tokenizer; give it token ids")
    try:
        return Tokenizer.from_str(text)
    except Exception as error:  # the library raises bare Exception
        raise TicketError(f"the ticket's tokenizer is damaged ({error})") from error


def shorten(ids: Sequence[Any], most: int) -> list[Any]:
    """`ids` shortened to `most`: the first quarter of them and the last three quarters, the middle dropped.

    A review says most at its end (Sun et al., arXiv 1905.05583, keep 128 + 382 of 510 pieces).
    """
    if len(ids) <= most:
        return list(ids)
    first = most // 4
    return [*ids[:first], *ids[len(ids) - (most - first) :]]


def encode(ticket: Ticket, texts: Sequence[str]) -> Encoded:
    """Tokenize texts and pad them to the longest; those beyond max_tokens pieces are shortened (`shorten`).

    Raises HwsimError for an empty batch, a text without any piece, or an id outside the vocabulary.
    """
    if not texts:
        raise HwsimError("no texts to encode")
    encodings = tokenizer(ticket.tokenizer).encode_batch(list(texts), add_special_tokens=False)
    most = ticket.config.max_tokens
    for text, encoding in zip(texts, encodings, strict=True):
        if not encoding.ids:
            raise HwsimError(f"the text {text!r} has no tokens; give it at least one visible character")
        if max(encoding.ids) >= ticket.config.vocabulary:
            raise TicketError(f"the ticket's tokenizer makes id {max(encoding.ids)}, outside its vocabulary")
    lengths = np.array([min(len(encoding.ids), most) for encoding in encodings])
    mask = np.arange(lengths.max()) < lengths[:, None]
    token_ids = np.zeros(mask.shape, np.int32)
    token_ids[mask] = np.concatenate([shorten(encoding.ids, most) for encoding in encodings])
    return Encoded(
        token_ids,
        mask,
        [shorten(encoding.tokens, most) for encoding in encodings],
        sum(len(encoding.ids) > most for encoding in encodings),
    )
