"""Training functions for a search: models, each with its seed, from a step of the schedule to its end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from hwsim.models import checkpoint
from hwsim.models.model import InhibitorTransformer
from hwsim.models.stacked import train_stacked
from hwsim.models.train import TrainConfig, Training, TrainingSet

Watch = Callable[[int, int, int], None]
"""(run, step, steps): to be called before each step of each run; it may prune or copy that run's model."""
Measure = Callable[[InhibitorTransformer], dict[str, float]]
"""What a trained model is worth."""
Progress = Callable[[int, int], None]
"""(step, steps)."""


class Fit(Protocol):
    """Trains models in place. What comes out depends on models, seeds and first_step alone."""

    def __call__(
        self,
        models: Sequence[InhibitorTransformer],
        seeds: Sequence[int],
        *,
        first_step: int,
        watch: Watch,
        save: Path,
    ) -> list[dict[str, float]]:
        """The metrics of each. save: a folder for checkpoints, from which an interrupted training goes on;
        the caller removes it when the result is written down."""
        ...


def one_by_one(
    training: TrainingSet,
    config: TrainConfig,
    measure: Measure,
    device: str,
    progress: Progress,
    save_every: int = 0,
) -> Fit:
    """The single training loop (`hwsim.models.train`), one model after the other."""

    def fit(
        models: Sequence[InhibitorTransformer],
        seeds: Sequence[int],
        *,
        first_step: int,
        watch: Watch,
        save: Path,
    ) -> list[dict[str, float]]:
        metrics = []
        for run, (model, seed) in enumerate(zip(models, seeds, strict=True)):
            single = Training(model, training, replace(config, seed=seed), device, start=first_step)
            kept = save / f"{seed}.safetensors"

            def before_step(at: Training, run: int = run, seed: int = seed, kept: Path = kept) -> None:
                progress(at.step, at.steps)
                # A run that has ended is kept too: those after it may be interrupted.
                if save_every and at.step and (at.step % save_every == 0 or at.step == at.steps):
                    checkpoint.write(kept, at.state(), str(seed))
                if at.step < at.steps:
                    watch(run, at.step, at.steps)

            if (state := checkpoint.read(kept, str(seed))) is not None:
                single.restore(state)
            before_step(single)
            single.run(before_step)
            metrics.append(measure(model))
        return metrics

    return fit


def together(
    training: TrainingSet,
    config: TrainConfig,
    measure: Measure,
    device: str,
    progress: Progress,
    save_every: int = 0,
    *,
    size: int = 0,
) -> Fit:
    """Batched models (`hwsim.models.stacked`) of `size` runs each, 0: of all; other random draws than the
    single loop's, many times the speed."""

    def fit(
        models: Sequence[InhibitorTransformer],
        seeds: Sequence[int],
        *,
        first_step: int,
        watch: Watch,
        save: Path,
    ) -> list[dict[str, float]]:
        names = "-".join(map(str, seeds))
        train_stacked(
            models,
            training,
            config,
            seeds,
            device,
            size=size,
            first_step=first_step,
            watch=watch,
            progress=lambda step, steps, loss: progress(step, steps),
            save=save / f"{names}.safetensors",
            save_every=save_every,
            stamp=names,
        )
        return [measure(model) for model in models]

    return fit
