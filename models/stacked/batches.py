"""Which sequences each run sees at each step; all data stay on the device.

The order is a function of (seed, epoch): step 5,000 needs nothing from the steps before. Batches come in
buckets of like length. Which bucket comes when is the same for all runs, so that their batches have one
shape; which of its sequences a batch takes is each run's own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hwsim.models.batches import Bucketed, Sequences
from hwsim.models.stacked.noise import permutations
from hwsim.models.train import TrainingSet


class Resident:
    """Sequences on the device, of which many runs may draw."""

    def __init__(self, data: Sequences, device: str) -> None:
        found = Bucketed(data, device).buckets
        self.device = device
        self.index = [bucket[0] for bucket in found]
        """Of each bucket, its sequences' numbers in the data set."""
        self.token_ids = [bucket[1] for bucket in found]
        self.mask = [bucket[2] for bucket in found]


class ResidentLessons(Resident):
    """A training set on the device."""

    def __init__(self, training: TrainingSet, device: str) -> None:
        super().__init__(training.data, device)
        labels = torch.from_numpy(training.labels).to(device)
        self.labels = labels.float() if labels.is_floating_point() else labels.long()
        self.teacher = (
            None if training.teacher is None else torch.from_numpy(training.teacher).float().to(device)
        )
        self.states = None
        if training.states is not None:
            # In units of their spread, so that a weight of their loss means the same for any teacher.
            states = torch.from_numpy(training.states).to(device)
            self.states = states / states.float().std().to(states.dtype)


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

    def __init__(self, data: Resident, size: int, seeds: Tensor) -> None:
        self.data, self.size, self.seeds = data, size, seeds
        self.pieces = [
            (bucket, start) for bucket, index in enumerate(data.index) for start in range(0, len(index), size)
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
            buckets = len(self.data.index)
            count = len(self.data.index[bucket])
            self._shuffled[bucket] = permutations(self.seeds, epoch * buckets + bucket, count)
        return Batch(bucket, self._shuffled[bucket][:, start : start + self.size])
