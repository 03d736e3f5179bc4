"""Sentences into lanes: what the host sends for one run of the program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hwsim.errors import HwsimError, UnsupportedError
from hwsim.ticket import Ticket

SEGMENTS = 16
"""Most sentences in one frame."""

REPORT, REAL = 1 << 5, 1 << 4
"""Of a lane's tag; below them the segment."""


@dataclass(frozen=True)
class Frame:
    """Sentences side by side, lane after lane."""

    tags: np.ndarray
    """uint8 [lanes in use]: REPORT at a sentence's first lane, REAL at a real token, its number."""
    starts: tuple[int, ...]
    """First lane of each sentence."""
    lengths: tuple[int, ...]
    """Lanes of each sentence: up to its last real token."""

    @property
    def keys(self) -> int:
        """Lanes up to the last real token: n of the cycle formulas."""
        return len(self.tags)

    @property
    def pairs(self) -> int:
        """Pairs of lanes that are sent."""
        return -(-len(self.tags) // 2)

    def lane(self, sentence: int) -> slice:
        """The lanes of a sentence."""
        return slice(self.starts[sentence], self.starts[sentence] + self.lengths[sentence])

    def beats(self, ticket: Ticket, token_ids: np.ndarray) -> np.ndarray:
        """uint32 [pairs * (d + 1)]: the frame, from the token ids int [sentences, n] of its sentences."""
        d = ticket.config.width
        rows = np.zeros((2 * self.pairs, d, 2), np.int8)
        tags = np.zeros(2 * self.pairs, np.uint32)
        tags[: len(self.tags)] = self.tags
        for sentence, length in enumerate(self.lengths):
            lanes = self.lane(sentence)
            rows[lanes, :, 0] = ticket.token_table[token_ids[sentence, :length]]
            rows[lanes, :, 1] = ticket.position_table[:length]
        octets = np.ascontiguousarray(rows.reshape(-1, 2, d, 2).transpose(0, 2, 1, 3))
        features = octets.reshape(-1, d, 4).view("<u4")[..., 0]
        return np.hstack([(tags[0::2] | tags[1::2] << 8)[:, None], features]).ravel()


def frame(mask: np.ndarray, lanes: int) -> Frame:
    """The frame of sentences whose real tokens mask, bool [sentences, n], tells.

    Raises UnsupportedError if they need more lanes or segments than there are, HwsimError for an empty one.
    """
    if not mask.any(axis=1).all():
        raise HwsimError("a sentence has no real token; drop empty sentences")
    lengths = lengths_of(mask)
    if int(lengths.sum()) > lanes:
        raise UnsupportedError(
            f"{int(lengths.sum())} tokens do not go into {lanes} lanes; raise Lanes or shorten the text"
        )
    if len(lengths) > SEGMENTS:
        raise UnsupportedError(f"{len(lengths)} sentences in one frame; it takes {SEGMENTS}")
    tags = [
        np.where(real[:length], REAL, 0) | np.where(np.arange(length) == 0, REPORT, 0) | sentence
        for sentence, (real, length) in enumerate(zip(mask, lengths, strict=True))
    ]
    return Frame(
        np.concatenate(tags).astype(np.uint8),
        tuple((np.cumsum(lengths) - lengths).tolist()),
        tuple(lengths.tolist()),
    )


def lengths_of(mask: np.ndarray) -> np.ndarray:
    """int64 [sentences]: tokens up to the last real one of mask, bool [sentences, n]."""
    return mask.shape[1] - mask[:, ::-1].argmax(axis=1)


def pack(lengths: Sequence[int], lanes: int) -> list[list[int]]:
    """Sentences, by index, for each frame: in the given order, as many as have room (first fit)."""
    frames: list[list[int]] = []
    left: list[int] = []
    for sentence, length in enumerate(lengths):
        found = next((i for i, room in enumerate(left) if length <= room and len(frames[i]) < SEGMENTS), None)
        if found is None:
            frames.append([])
            left.append(lanes)
            found = len(frames) - 1
        frames[found].append(sentence)
        left[found] -= length
    return frames
