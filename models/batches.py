"""Token id sequences packed flat, and shuffled batches of similar length from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

UNKNOWN_PIECE = 1
"""The id of the unknown piece in every prepared text (`hwsim.models.vocabulary.shrink`)."""


@dataclass(frozen=True)
class Sequences:
    """Many token id sequences in one array: sequence i is ids[start[i]:start[i + 1]]."""

    ids: np.ndarray
    """uint16 [tokens]."""
    start: np.ndarray
    """int64 [sequences + 1]."""

    @classmethod
    def pack(cls, sequences: Sequence[Sequence[int]], most: int) -> Sequences:
        """Pack lists of ids, each cut to `most`."""
        cut = [np.asarray(ids[:most], np.uint16) for ids in sequences]
        return cls(np.concatenate(cut), np.concatenate([[0], np.cumsum([len(ids) for ids in cut])]))

    @classmethod
    def joined(cls, parts: Sequence[Sequences]) -> Sequences:
        """All sequences of some, one behind the other."""
        lengths = np.concatenate([part.lengths for part in parts])
        ids = np.concatenate([part.ids for part in parts])
        return cls(ids, np.concatenate([[0], np.cumsum(lengths)]))

    def __len__(self) -> int:
        return len(self.start) - 1

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each sequence."""
        return np.diff(self.start)

    def padded(self, index: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
        """(token_ids int64, mask bool) [len(index), width]."""
        mask = np.arange(width) < self.lengths[index][:, None]
        token_ids = np.zeros(mask.shape, np.int64)
        token_ids[mask] = np.concatenate([self.ids[self.start[i] : self.start[i + 1]] for i in index])
        return token_ids, mask


def drop_words(token_ids: Tensor, share: float) -> Tensor:
    """Token ids of which a random share, drawn from PyTorch's generator, is the unknown piece."""
    dropped = torch.rand(token_ids.shape, device=token_ids.device) < share
    return torch.where(dropped, UNKNOWN_PIECE, token_ids)


WIDTHS = (8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
"""Lengths to which batches are padded, up to the longest sequence that any model takes."""


class Bucketed:
    """All sequences on the device, in buckets of like length, so that batches carry little padding."""

    def __init__(self, data: Sequences, device: str, widths: Sequence[int] = WIDTHS) -> None:
        self.buckets: list[tuple[Tensor, Tensor, Tensor]] = []
        shorter = 0
        for width in widths:
            index = np.flatnonzero((data.lengths > shorter) & (data.lengths <= width))
            shorter = width
            if len(index):
                token_ids, mask = data.padded(index, width)
                on_device = (torch.from_numpy(part).to(device) for part in (index, token_ids, mask))
                self.buckets.append((next(on_device), next(on_device), next(on_device)))

    def batches(self, size: int, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """(index, token_ids, mask) over all sequences once, in an order drawn from a CPU `generator`."""
        parts = []
        for bucket in self.buckets:
            order = torch.randperm(len(bucket[0]), generator=generator).to(bucket[0].device)
            parts += [(bucket, chunk) for chunk in order.split(size)]
        for i in torch.randperm(len(parts), generator=generator).tolist():
            bucket, chunk = parts[i]
            yield tuple(part[chunk] for part in bucket)
