"""What many models say to a data set, computed as one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from hwsim.models.batches import Bucketed, Sequences
from hwsim.models.model import InhibitorTransformer
from hwsim.models.stacked.model import stack

ROWS = 2560
"""Sequences computed at once, over all models."""


@torch.no_grad()
def answers(models: Sequence[InhibitorTransformer], data: Sequences, device: str = "cuda") -> np.ndarray:
    """Logits of every sequence as real numbers, float32 [models, sequences, classes].

    Being integers they are those of each model alone. The models become parts of a stack on the device.
    """
    together = stack([model.to(device) for model in models]).eval()
    found = np.zeros((len(models), len(data), together.config.classes), np.float32)
    size = max(1, ROWS // len(models))
    for index, token_ids, mask in Bucketed(data, device).batches(size, torch.Generator()):
        same = (part.repeat(len(models), 1, 1) for part in (token_ids, mask))
        logits = together.classifier.real(together(*same))
        found[:, index.cpu().numpy()] = logits.cpu().numpy()
    return found
