"""The training loop: labels and teacher logits, gradual pruning, one cosine.

`Training` is one training in progress. Everything that changes while it runs is in its `state()`, so that it
can be written down after any step and continued elsewhere to the same result.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from hwsim.errors import ConfigError
from hwsim.models.batches import Bucketed, Sequences, drop_words
from hwsim.models.descent import Descent, Steps
from hwsim.models.model import InhibitorTransformer
from hwsim.models.pruning.gradual import GradualSchedule
from hwsim.models.runs import config as runs
from hwsim.models.runs.processes import Processes, shard


@dataclass(frozen=True)
class TrainConfig(Steps):
    """How to train one model; the meaning of each field is in `hwsim.models.runs.config`."""

    epochs: int = runs.Training.epochs
    batch: int = runs.Training.batch
    rate: float = runs.Training.rate
    scale_rate: float = runs.Training.scale_rate
    weight_decay: float = runs.Training.weight_decay
    seed: int = 0
    shards: int = runs.Training.shards
    distill: float = runs.Distillation.weight
    """Share of the teacher in the loss where a label is known too; the teacher alone where not."""
    temperature: float = runs.Distillation.temperature
    """See `losses_of`."""
    hidden: float = runs.Distillation.hidden
    """Weight of the mean squared error of the teacher's states, told from the student's by a linear map."""
    word_dropout: float = runs.Training.word_dropout
    """Probability that a training token is replaced by the unknown piece."""
    gradual: GradualSchedule | None = None
    """Pruning meanwhile, of an integer model."""


@dataclass(frozen=True)
class TrainingSet:
    """Sequences with labels and, optionally, teacher logits."""

    data: Sequences
    labels: np.ndarray
    """int64 [sequences], -1 where unknown; or float32, NaN where unknown, to be met by one real logit."""
    teacher: np.ndarray | None = None
    """float [sequences, classes]."""
    states: np.ndarray | None = None
    """float16 [sequences, the teacher's width]: the teacher's state of each whole sequence."""


def losses_of(
    logits: Tensor, labels: Tensor, teacher: Tensor | None, distill: float, temperature: float = 1.0
) -> Tensor:
    """Loss of each sequence [batch]; 0 where neither a label nor a teacher is known.

    Cross-entropy (squared error for real labels) with the label and with the teacher, mixed by `distill`.
    The teacher's part is that of both logits divided by `temperature`, times its square (Hinton et al.,
    arXiv 1503.02531): from 1, where only the teacher's certainty counts, to the squared error of logits.
    """
    known = known_of(labels)
    if labels.is_floating_point():
        hard = (logits[:, 0] - labels.nan_to_num()) ** 2
        soft = hard if teacher is None else (logits[:, 0] - teacher[:, 0]) ** 2
    else:
        hard = nn.functional.cross_entropy(logits, labels.clamp(min=0), reduction="none")
        soft = (
            hard
            if teacher is None
            else temperature**2
            * nn.functional.cross_entropy(
                logits / temperature, (teacher / temperature).softmax(-1), reduction="none"
            )
        )
    if teacher is None:
        return hard * known
    return torch.where(known, (1 - distill) * hard + distill * soft, soft)


def known_of(labels: Tensor) -> Tensor:
    """Which labels are known, bool [batch]."""
    return ~labels.isnan() if labels.is_floating_point() else labels >= 0


class Training(Descent):
    """One model being trained (an InhibitorTransformer, or a FloatTransformer as a yardstick)."""

    def __init__(
        self,
        model: nn.Module,
        training: TrainingSet,
        config: TrainConfig,
        device: str = "cuda",
        processes: Processes | None = None,
        start: int = 0,
    ) -> None:
        """start: as in `Descent`."""
        if config.hidden:
            raise ConfigError(
                "distillation.hidden needs a stack: hwsim search, its trainer together or side_by_side"
            )
        super().__init__(model, training.data, config, device, start)
        self.config = config
        self.integer = model if isinstance(model, InhibitorTransformer) else None
        self.processes = processes or Processes(device)
        self.network = self.processes.wrap(model)
        self.labels = torch.from_numpy(training.labels).to(device)
        self.labels = self.labels.float() if self.labels.is_floating_point() else self.labels.long()
        self.teacher = (
            None if training.teacher is None else torch.from_numpy(training.teacher).float().to(device)
        )
        self.loss = torch.zeros((), device=device)
        """Of the last batch, estimated from the shards that this process computed."""
        self.batch: tuple[Tensor, Tensor] = self.buckets.buckets[0][1][:1], self.buckets.buckets[0][2][:1]
        """(token_ids, mask) of the last batch, dropped words included."""

    def run(self, after_step: Callable[[Training], None]) -> None:
        """Train to the end; `after_step` is called after every step and may raise to end it earlier."""
        self.model.train()
        for index, token_ids, mask in self.left():
            if self.integer is not None and self.config.gradual is not None:
                self.config.gradual(self.integer, self.step, self.steps)
            self._learn(index, token_ids, mask)
            after_step(self)
        self.model.eval()

    def _learn(self, index: Tensor, token_ids: Tensor, mask: Tensor) -> None:
        """One step of AdamW on one batch, shard by shard."""
        config, processes = self.config, self.processes
        # Drawn for the whole batch in every process: the same words are dropped however many there are.
        token_ids = drop_words(token_ids, config.word_dropout)
        self.batch = token_ids, mask
        labels, teacher = self.labels[index], None if self.teacher is None else self.teacher[index]
        counted = len(index) if teacher is not None else known_of(labels).sum().clamp(min=1)
        self.optimizer.zero_grad(set_to_none=True)
        self.loss = torch.zeros((), device=token_ids.device)
        mine = processes.shards(config.shards)
        for which in mine:
            rows, weight = shard(len(index), config.shards, which, self.device)
            with processes.collecting(self.network, last=which == mine[-1]):
                logits = self.real(self.network(token_ids[rows], mask[rows]))
                told = None if teacher is None else teacher[rows]
                each = losses_of(logits, labels[rows], told, config.distill, config.temperature)
                loss = (each * weight).sum() / counted
                # Processes average their gradients; what is wanted is the sum.
                loss = loss * processes.count
                loss.backward()
            self.loss += loss.detach()
        self.update()

    def real(self, logits: Tensor) -> Tensor:
        """Logits as real numbers, for a loss."""
        return logits if self.integer is None else self.integer.classifier.real(logits)


def train(
    model: nn.Module,
    training: TrainingSet,
    config: TrainConfig,
    device: str = "cuda",
    progress: Callable[[int, int, float], None] = lambda step, steps, loss: None,
) -> None:
    """Train `model` in place from beginning to end.

    progress: called with (step, steps, loss) every 100 steps.
    """

    def report(now: Training) -> None:
        if now.step % 100 == 0:
            progress(now.step, now.steps, float(now.loss))

    Training(model, training, config, device).run(report)


@torch.no_grad()
def predict(model: nn.Module, data: Sequences, device: str = "cuda") -> np.ndarray:
    """Logits of every sequence as real numbers, float32 [sequences, classes]."""
    was_training = model.training
    model.to(device).eval()
    parts: list[tuple[np.ndarray, np.ndarray]] = []
    for index, token_ids, mask in Bucketed(data, device).batches(512, torch.Generator()):
        logits = model(token_ids, mask)
        if isinstance(model, InhibitorTransformer):
            logits = model.classifier.real(logits)
        parts.append((index.cpu().numpy(), logits.float().cpu().numpy()))
    model.train(was_training)
    out = np.zeros((len(data), parts[0][1].shape[1]), np.float32)
    for index, logits in parts:
        out[index] = logits
    return out


def accuracy(model: nn.Module, data: Sequences, labels: np.ndarray, device: str = "cuda") -> float:
    """Share of sequences whose largest logit is at the label."""
    return float((predict(model, data, device).argmax(-1) == labels).mean())
