"""The stages of an integer student of its teacher's own shape; each is kept and not done again."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import nn

from hwsim.errors import ConfigError
from hwsim.models import checkpoint
from hwsim.models.batches import Sequences
from hwsim.models.distill.config import DistillConfig
from hwsim.models.distill.states import Reader
from hwsim.models.distill.task_specific import Lesson
from hwsim.models.distill.transplant import Basis, convert, transplant
from hwsim.models.distill.whole import Aim, Guide, teach
from hwsim.models.model import InhibitorTransformer
from hwsim.models.runs.config import RunConfig
from hwsim.models.runs.runner import build
from hwsim.models.tasks import TaskData
from hwsim.models.train import TrainConfig, TrainingSet

SAMPLE = 512
"""Sequences from which a teacher's basis is taken."""


class Stages:
    """One student's way, by a configuration."""

    def __init__(
        self,
        config: DistillConfig,
        task: TaskData,
        lesson: Lesson,
        more: Sequence[Sequences],
        large: Tokenizer,
        device: str,
        watch: Callable[[Path, str, int, int, float], None],
    ) -> None:
        """more: further texts for what comes before the task; large: the teacher's tokenizer; watch: called
        with (folder, stage, step, steps, loss)."""
        if config.layerwise.weights == "float":
            raise ConfigError("layerwise.weights is float; an integer student takes int8, int4 or ternary")
        self.config, self.task, self.lesson = config, task, lesson
        self.texts = lesson.with_texts(more)
        self.large, self.device, self.watch = large, device, watch
        index = np.linspace(0, len(lesson.data) - 1, min(SAMPLE, len(lesson.data))).astype(int)
        self.sample = [
            torch.from_numpy(part).to(device) for part in lesson.data.padded(index, task.max_tokens)
        ]

    def before(self, encoder: nn.Module, folder: Path, stamp: str) -> InhibitorTransformer:
        """A student that has not seen the task: first values, attention by attention, hidden states."""
        part, student = self.config.layerwise, self._new(self.config.layerwise.weights)
        guide = self._guide(encoder, student if part.transplant and not part.start else None)
        if part.start:
            _begin(student, Path(part.start))
        count = student.config.layers if part.attention else 0
        aims = [(f"attention {i}", Aim(attention=i)) for i in range(count)] + [("hidden states", Aim())]
        for name, aim in aims if part.epochs else []:
            kept = folder / f"{name.replace(' ', '-')}.safetensors"
            if (state := checkpoint.read(kept, stamp)) is not None:
                student.load_state_dict(state)
                continue
            # One layer's attention is soon taught; the labelled texts are enough for it.
            labelled = len(self.task.splits["train"].data)
            lesson = self.texts if aim.attention is None else self.lesson.first(labelled)
            self._teach(name, student, guide, aim, lesson, folder, stamp)
            checkpoint.write(kept, dict(student.state_dict()), stamp)
        return student

    def after(
        self, begun: InhibitorTransformer, encoder: nn.Module, folder: Path, stamp: str
    ) -> InhibitorTransformer:
        """The student on the task: labels, soft labels and hidden states, pruned meanwhile."""
        student = self.empty()
        convert(student, begun)
        if self.task.task.regression:
            expect(student, self.task.splits["train"].labels)
        schedule = self.config.pruning.schedule(self.config.seed)
        self._teach(
            "student",
            student,
            self._guide(encoder),
            Aim(answers=True),
            self.lesson,
            folder,
            stamp,
            prune=lambda run, step, steps: schedule(student, step, steps),
        )
        return student

    def empty(self) -> InhibitorTransformer:
        """A student to be filled with kept values."""
        return self._new(self.config.student.weights)

    def _new(self, weights: str) -> InhibitorTransformer:
        model = dataclasses.replace(self.config.student, weights=weights)
        made = build(RunConfig(seed=self.config.seed, model=model), dataclasses.replace(self.task, rows=None))
        return cast(InhibitorTransformer, made).to(self.device)

    def _guide(self, encoder: nn.Module, begin: InhibitorTransformer | None = None) -> Guide:
        """A teacher with its basis; begin: a student that gets its weights."""
        reader = Reader(encoder, self.large, Tokenizer.from_str(self.task.tokenizer)).to(self.device)
        if begin is not None:
            transplant(begin, reader, *self.sample)
        basis = Basis.of(reader, *self.sample)
        return Guide(
            reader.to(self.device, torch.bfloat16 if self.device == "cuda" else torch.float32), basis
        )

    def _teach(
        self,
        name: str,
        student: InhibitorTransformer,
        guide: Guide,
        aim: Aim,
        lesson: Lesson,
        folder: Path,
        stamp: str,
        prune: Callable[[int, int, int], None] | None = None,
    ) -> None:
        config, mixture = self.config, self.config.mixture
        steps = config.training if aim.answers else config.layerwise
        plan = TrainConfig(
            epochs=steps.epochs,
            batch=steps.batch,
            rate=steps.rate,
            scale_rate=config.training.scale_rate,
            weight_decay=config.training.weight_decay,
            seed=config.seed,
            distill=mixture.soft,
            temperature=mixture.temperature,
            hidden=mixture.hidden if aim.answers else 1.0,
            word_dropout=config.training.word_dropout,
        )
        kept = folder / "unfinished.safetensors"
        teach(
            student,
            guide,
            aim,
            TrainingSet(lesson.data, lesson.labels, lesson.logits),
            plan,
            self.device,
            watch=prune,
            progress=lambda step, steps, losses: self.watch(folder, name, step, steps, losses[0]),
            save=kept,
            save_every=config.run.save_every,
            stamp=f"{stamp} {name}",
            check_every=config.run.check_every,
        )
        kept.unlink(missing_ok=True)


@torch.no_grad()
def expect(student: InhibitorTransformer, scores: np.ndarray) -> None:
    """Begin with the mean of some scores as the answer to everything, in place: at the rate of a whole
    encoder, a bias that begins at 0 would need more steps than there are."""
    student.classifier.latent.zero_()
    student.classifier.bias.fill_(float(scores.mean()))


def _begin(student: InhibitorTransformer, kept: Path) -> None:
    """Give a student the values of a kept one but its classifier's, in place.

    Raises ConfigError for a file of something else.
    """
    own = {name: part for name, part in student.state_dict().items() if name.startswith("classifier.")}
    try:
        student.load_state_dict(load_file(kept) | own)
    except (OSError, SafetensorError, RuntimeError) as error:
        raise ConfigError(f"layerwise.start is {kept}: no student of this vocabulary and shape") from error
