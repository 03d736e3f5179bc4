"""Task-specific distillation: soft labels, a loss on hidden states, and unlabelled text of the domain.

Two kinds of student. A small one (`InhibitorTransformer`, or `FloatTransformer` as a yardstick) has its own
pieces, so the hidden states that can be compared are those of the whole text: its pooled state, projected
to the teacher's width, against the teacher's mean. An encoder whose attention was replaced reads the
teacher's own tokens and has its width: every layer's states are compared, token by token, unprojected.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from hwsim.models import exact
from hwsim.models.batches import Sequences, drop_words
from hwsim.models.distill.layerwise import hidden_loss
from hwsim.models.distill.loop import Loop, Plan
from hwsim.models.distill.teacher import Teacher, mean
from hwsim.models.float_model import FloatTransformer
from hwsim.models.layers import UNIT
from hwsim.models.model import InhibitorTransformer
from hwsim.models.pruning.gradual import GradualSchedule
from hwsim.models.runs.tasks import first
from hwsim.models.tasks.store import TaskData
from hwsim.models.train import losses_of

After = Callable[[int, int, float], None]


@dataclass(frozen=True)
class Mixture:
    """What the student is told."""

    soft: float = 0.9
    """Share of the teacher's answer where a label is known too; where none is, the teacher alone."""
    hidden: float = 0.1
    """Weight of the loss on hidden states beside that."""
    temperature: float = 1.0
    """Both answers are softened by it, and the loss scaled back by its square (Hinton et al. 2015)."""


@dataclass(frozen=True)
class Lesson:
    """Sequences of a student with labels (unknown: -1, or NaN) and what a teacher says to each."""

    data: Sequences
    labels: np.ndarray
    logits: np.ndarray
    """[sequences, classes]."""
    pooled: np.ndarray
    """[sequences, the teacher's width]."""

    def first(self, count: int) -> Lesson:
        """Of its first sequences: the training split comes before unlabelled text."""
        return Lesson(first(self.data, count), self.labels[:count], self.logits[:count], self.pooled[:count])

    def with_texts(self, more: Sequence[Sequences]) -> Lesson:
        """With texts behind them of which nothing is known, for stages that want no answers."""
        count = sum(len(part) for part in more)

        def unknown(known: np.ndarray, value: float) -> np.ndarray:
            return np.concatenate([known, np.full((count, *known.shape[1:]), value, known.dtype)])

        none = np.nan if np.issubdtype(self.labels.dtype, np.floating) else -1
        pieces = unknown(self.labels, none), unknown(self.logits, 0), unknown(self.pooled, 0)
        return Lesson(Sequences.joined([self.data, *more]), *pieces)


def lesson(
    task: TaskData, said: dict[str, tuple[np.ndarray, np.ndarray]], teacher_ids: bool = False
) -> Lesson:
    """The training split of a task, and its unlabelled text if it has any, as one lesson.

    said: the teacher's (logits, pooled states) by split; teacher_ids: in the teacher's pieces.
    """
    names = [name for name in ("train", "extra") if name in task.splits]
    splits = [task.splits[name] for name in names]
    parts = [split.teacher if teacher_ids and split.teacher is not None else split.data for split in splits]
    return Lesson(
        Sequences.joined(parts),
        np.concatenate([split.labels for split in splits]),
        np.concatenate([said[name][0] for name in names]),
        np.concatenate([said[name][1] for name in names]),
    )


def answer_loss(found: Tensor, labels: Tensor, teacher: Tensor, mixture: Mixture) -> Tensor:
    """Labels and soft labels, mixed; squared errors in a regression task."""
    return losses_of(found, labels, teacher, mixture.soft, mixture.temperature).mean()


class Projected(nn.Module):
    """A small student with the projection that compares it to its teacher; only the student is kept."""

    def __init__(self, student: InhibitorTransformer | FloatTransformer, width: int) -> None:
        super().__init__()
        self.student = student
        self.project = nn.Linear(student.config.width, width)

    def forward(self, token_ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """(logits as real numbers, pooled state projected to the teacher's width)."""
        if isinstance(self.student, InhibitorTransformer):
            state = self.student.pooled(token_ids, mask)
            classifier = self.student.classifier
            return classifier.real(classifier(state)), self.project(state / UNIT)
        kept: list[Tensor] = []
        handle = self.student.norm.register_forward_hook(lambda _, __, output: kept.append(output))
        try:
            logits = self.student(token_ids, mask)
        finally:
            handle.remove()
        return logits, self.project(mean(kept[0], mask))


def distill(
    student: InhibitorTransformer | FloatTransformer,
    lesson: Lesson,
    plan: Plan,
    mixture: Mixture,
    device: str,
    *,
    gradual: GradualSchedule | None = None,
    word_dropout: float = 0.05,
    check_every: int = 0,
    after: After = lambda step, steps, loss: None,
    save: Path | None = None,
    save_every: int = 0,
    stamp: str = "",
) -> None:
    """Teach a small student, in place.

    gradual: pruning meanwhile, of an integer student; word_dropout: share of training tokens made unknown;
    check_every: steps between two comparisons of an integer student with the emulator, 0: none.
    Raises InexactError if it left the emulator's integers.
    """
    torch.manual_seed(plan.seed)
    model = Projected(student, lesson.pooled.shape[1]).to(device).train()
    labels, logits, pooled = (
        torch.from_numpy(part).to(device) for part in (lesson.labels, lesson.logits, lesson.pooled)
    )
    # In units of the teacher's spread, so that the weight of the hidden loss means the same for any teacher.
    spread = float(lesson.pooled.astype(np.float32).std())

    batch: list[Tensor] = []

    def loss(index: Tensor, token_ids: Tensor, mask: Tensor) -> Tensor:
        batch[:] = drop_words(token_ids, word_dropout), mask
        found, state = model(*batch)
        told = answer_loss(found, labels[index], logits[index].float(), mixture)
        return told + mixture.hidden * nn.functional.mse_loss(state, pooled[index].float() / spread)

    def before(step: int, steps: int) -> None:
        if isinstance(student, InhibitorTransformer) and gradual is not None:
            gradual(student, step, steps)

    def check(step: int, steps: int) -> None:
        if isinstance(student, InhibitorTransformer) and exact.due(check_every, step, steps):
            exact.check_batch(student, *batch, step)

    loop = Loop(model, lesson.data, plan, device)
    loop.run(loss, before=before, check=check, after=after, save=save, save_every=save_every, stamp=stamp)
    student.eval()


def distill_encoder(
    student: Teacher,
    teacher: Teacher,
    lesson: Lesson,
    plan: Plan,
    mixture: Mixture,
    device: str,
    *,
    after: After = lambda step, steps, loss: None,
    save: Path | None = None,
    save_every: int = 0,
    stamp: str = "",
) -> None:
    """Teach an encoder with replaced attention and its classifier, in place; the lesson is in the
    teacher's pieces."""
    teacher.to(device).eval()
    student.to(device).train()
    labels, logits = (torch.from_numpy(part).to(device) for part in (lesson.labels, lesson.logits))

    def loss(index: Tensor, token_ids: Tensor, mask: Tensor) -> Tensor:
        states = student.states(token_ids, mask)
        with torch.no_grad():
            wanted = teacher.states(token_ids, mask)
        found = student.head(mean(states[-1], mask)).float()
        told = answer_loss(found, labels[index], logits[index].float(), mixture)
        return told + mixture.hidden * hidden_loss(states[1:], wanted[1:], mask)

    loop = Loop(student, lesson.data, plan, device)
    loop.run(loss, after=after, save=save, save_every=save_every, stamp=stamp)
    student.eval()
