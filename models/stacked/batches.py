"""Which sequences each run sees at each step; all data stay on the device.

The order is a function of (seed, epoch): step 5,000 needs nothing from the steps before. Batches come in
buckets of like length. Which bucket comes when is the same for all runs, so that their batches have one
shape; which of its sequences a batch takes is each run's own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from hwsim.models.batches import Bucketed, Sequences
from hwsim.models.stacked.noise import permutations


@dataclass(frozen=True)
class Batch:
    """One step's sequences: positions in a bucket, for each run."""

    bucket: int
    rows: Tensor
    """int64 [runs, batch] in 0..len(bucket) - 1."""

    @property
    def shape(self) -> tuple[int, int]:
        """(bucket, batch): batches of one shape can share a captured graph."""
        return self.bucket, self.rows.shape[1]


class Order:
    """The batches of some runs' training."""

    def __init__(self, data: Sequences, size: int, seeds: Tensor) -> None:
        self.size, self.seeds = size, seeds
        found = Bucketed(data, str(seeds.device)).buckets
        self.index = [bucket[0] for bucket in found]
        """Of each bucket, its sequences' numbers in the data set."""
        self.token_ids = [bucket[1] for bucket in found]
        self.mask = [bucket[2] for bucket in found]
        self.pieces = [
            (bucket, start) for bucket, index in enumerate(self.index) for start in range(0, len(index), size)
        ]
        self._shuffled: dict[int, Tensor] = {}
        self._epoch = -1

    @property
    def steps(self) -> int:
        """Batches an epoch."""
        return len(self.pieces)

    def batch(self, step: int) -> Batch:
        """The batch of any step."""
        epoch, within = divmod(step, self.steps)
        if epoch != self._epoch:
            self._shuffled, self._epoch = {}, epoch
            self._pieces = np.random.default_rng(epoch).permutation(self.steps)
        bucket, start = self.pieces[self._pieces[within]]
        if bucket not in self._shuffled:
            key = epoch * len(self.index) + bucket
            self._shuffled[bucket] = permutations(self.seeds, key, len(self.index[bucket]))
        return Batch(bucket, self._shuffled[bucket][:, start : start + self.size])
