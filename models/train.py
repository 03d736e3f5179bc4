"""The training loop: labels and teacher logits, gradual pruning, one cosine."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hwsim.models.batches import Bucketed, Sequences
from hwsim.models.model import InhibitorTransformer
from hwsim.models.prune import cubic_density, prune_by_magnitude


@dataclass(frozen=True)
class TrainConfig:
    """How to train one model."""

    epochs: int = 8
    batch: int = 512
    rate: float = 2.5e-3
    """Peak learning rate of AdamW; cosine to zero after a 5 % warm-up."""
    scale_rate: float = 2e-2
    """Peak learning rate of shifts and deltas, which count in whole integer steps."""
    weight_decay: float = 0.01
    distill: float = 0.9
    """Share of the teacher in the loss where a label is known too; the teacher alone where not."""
    word_dropout: float = 0.05
    """Probability that a training token is replaced by the unknown piece."""
    density: float = 1.0
    """Final share of non-zero encoder weights; 1 leaves the masks alone."""
    prune_from: float = 0.1
    prune_until: float = 0.7
    """The share of training in which the density falls (cubic schedule), every `prune_every` steps."""
    prune_every: int = 50
    seed: int = 0


@dataclass(frozen=True)
class TrainingSet:
    """Sequences with labels (-1 where unknown) and, optionally, teacher logits."""

    data: Sequences
    labels: np.ndarray
    """int64 [sequences]."""
    teacher: np.ndarray | None = None
    """float [sequences, classes]."""


def loss_of(logits: Tensor, labels: Tensor, teacher: Tensor | None, distill: float) -> Tensor:
    """Cross-entropy with the labels and with the teacher's soft labels, mixed by `distill`."""
    known = labels >= 0
    hard = nn.functional.cross_entropy(logits, labels.clamp(min=0), reduction="none")
    if teacher is None:
        return hard[known].mean()
    soft = nn.functional.cross_entropy(logits, teacher.softmax(-1), reduction="none")
    return torch.where(known, (1 - distill) * hard + distill * soft, soft).mean()


def train(
    model: nn.Module,
    training: TrainingSet,
    config: TrainConfig,
    device: str = "cuda",
    progress: Callable[[int, int, float], None] = lambda step, steps, loss: None,
) -> None:
    """Train `model` (an InhibitorTransformer, or a FloatTransformer as a yardstick) in place.

    progress: called with (step, steps, loss) every 100 steps.
    """
    torch.manual_seed(config.seed)
    generator = torch.Generator().manual_seed(config.seed)
    model.to(device).train()
    buckets = Bucketed(training.data, device)
    labels = torch.from_numpy(training.labels).long().to(device)
    teacher = None if training.teacher is None else torch.from_numpy(training.teacher).float().to(device)
    integer = model if isinstance(model, InhibitorTransformer) else None

    matrices = [p for p in model.parameters() if p.ndim == 2]
    scales = [p for name, p in model.named_parameters() if name.endswith(("shift.value", "delta"))]
    known = {id(p) for p in matrices + scales}
    vectors = [p for p in model.parameters() if id(p) not in known]
    groups: list[dict[str, Any]] = [
        {"params": matrices},
        {"params": vectors, "weight_decay": 0.0},
        {"params": scales, "weight_decay": 0.0, "lr": config.scale_rate},
    ]
    optimizer = torch.optim.AdamW(
        groups, lr=config.rate, weight_decay=config.weight_decay, fused=device == "cuda"
    )
    steps = config.epochs * sum(-(-len(bucket[0]) // config.batch) for bucket in buckets.buckets)
    warm = max(1, steps // 20)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: min((step + 1) / warm, 0.5 + 0.5 * math.cos(math.pi * min(step / steps, 1.0))),
    )
    step = 0
    for _ in range(config.epochs):
        for index, token_ids, mask in buckets.batches(config.batch, generator):
            if integer is not None and config.density < 1 and step % config.prune_every == 0:
                # One pruning behind the end of the schedule reaches the final density exactly.
                last = config.prune_until + config.prune_every / steps
                if config.prune_from <= step / steps <= last:
                    share = (step / steps - config.prune_from) / (config.prune_until - config.prune_from)
                    prune_by_magnitude(integer, cubic_density(share, 1.0, config.density))
            dropped = torch.rand(token_ids.shape, device=token_ids.device) < config.word_dropout
            logits = model(torch.where(dropped, 1, token_ids), mask)
            if integer is not None:
                logits = integer.classifier.real(logits)
            loss = loss_of(logits, labels[index], None if teacher is None else teacher[index], config.distill)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            if step % 100 == 0:
                progress(step, steps, loss.item())
            step += 1
    model.eval()


@torch.no_grad()
def accuracy(model: nn.Module, data: Sequences, labels: np.ndarray, device: str = "cuda") -> float:
    """Share of sequences whose largest logit is at the label."""
    model.to(device).eval()
    right = 0
    for index, token_ids, mask in Bucketed(data, device).batches(512, torch.Generator()):
        right += int((model(token_ids, mask).argmax(-1).cpu().numpy() == labels[index.cpu().numpy()]).sum())
    return right / len(data)
