"""Training functions for a search: models, each with its seed, from a step of the schedule to its end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from hwsim.models import checkpoint, exact
from hwsim.models.float_sparse import Model
from hwsim.models.stacked import train_stacked
from hwsim.models.stacked.train import Stage
from hwsim.models.train import TrainConfig, Training, TrainingSet

LOSS_EVERY = 100
"""Steps between two losses that the single loop tells; reading one waits for the device."""


@dataclass(frozen=True)
class Job:
    """Models to be trained in place."""

    models: Sequence[Model]
    seeds: Sequence[int]
    """One for each model."""
    first_step: int
    watch: Callable[[int, int, int], None]
    """(run, step, steps): to be called before each step of each run, and may be after the last; may prune or
    copy that run's model."""
    save: Path
    """A folder for checkpoints, from which an interrupted training goes on; whoever asked for the training
    removes it when the result is written down."""
    trainings: int = 1
    """How many times the usual number of epochs."""
    note: Callable[[int, int, float], None] = lambda run, step, loss: None
    """(run, step, loss): to be called now and then."""


Fit = Callable[[Job], list[dict[str, float]]]
"""Trains and returns the metrics of each. What comes out depends on models, seeds and first step alone."""


@dataclass(frozen=True)
class Course:
    """What all trainings of a search share."""

    training: TrainingSet
    config: TrainConfig
    measure: Callable[[Model], dict[str, float]]
    """What a trained model is worth."""
    device: str
    progress: Callable[[int, int], None]
    """(step, steps)."""
    save_every: int = 0
    """Steps between two checkpoints; 0: none."""
    check_every: int = 0
    """Steps between two comparisons with the emulator; 0: none."""

    @cached_property
    def stage(self) -> Stage:
        """The training set on the device, put there once for all rounds."""
        return Stage(self.training, self.device)

    def told(self, job: Job) -> TrainConfig:
        """How the job is trained."""
        return replace(self.config, epochs=self.config.epochs * job.trainings)


def one_by_one(course: Course, job: Job) -> list[dict[str, float]]:
    """The single training loop (`hwsim.models.train`), one model after the other."""
    metrics = []
    for run, (model, seed) in enumerate(zip(job.models, job.seeds, strict=True)):
        config = replace(course.told(job), seed=seed)
        single = Training(model, course.training, config, course.device, start=job.first_step)
        kept = job.save / f"{seed}.safetensors"
        if (state := checkpoint.read(kept, str(seed))) is not None:
            single.restore(state)
        began = single.step

        def after_step(
            at: Training, run: int = run, seed: int = seed, kept: Path = kept, began: int = began
        ) -> None:
            course.progress(at.step, at.steps)
            if at.step > began and at.step % LOSS_EVERY == 0:
                job.note(run, at.step, float(at.loss))
            if exact.due(course.check_every, at.step, at.steps):
                exact.check(at)
            # A run that has ended is kept too: those after it may be interrupted.
            if course.save_every and at.step and (at.step % course.save_every == 0 or at.step == at.steps):
                checkpoint.write(kept, at.state(), str(seed))
            job.watch(run, at.step, at.steps)

        after_step(single)
        single.run(after_step)
        metrics.append(course.measure(model))
    return metrics


def together(course: Course, job: Job, size: int = 0) -> list[dict[str, float]]:
    """Batched models (`hwsim.models.stacked`) of `size` runs each, 0: of all; other random draws than the
    single loop's, many times the speed."""
    names = "-".join(map(str, job.seeds))

    def progress(step: int, steps: int, losses: list[float]) -> None:
        course.progress(step, steps)
        for run, loss in enumerate(losses):
            job.note(run, step, loss)

    train_stacked(
        job.models,
        course.stage,
        course.told(job),
        job.seeds,
        course.device,
        size=size,
        first_step=job.first_step,
        watch=job.watch,
        progress=progress,
        save=job.save / f"{names}.safetensors",
        save_every=course.save_every,
        stamp=names,
        check_every=course.check_every,
    )
    return [course.measure(model) for model in job.models]
