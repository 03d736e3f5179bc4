"""Train many models at once: one step of the stack is one step of every run.

A run alone is a stack of one. On a CPU each run ends with the same integers, alone or among others, and a
test holds that. On a GPU the library that multiplies matrices may choose another order of summation for
another number of runs; there a run's integers depend on how many run together, but not on which.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hwsim.errors import ConfigError
from hwsim.models import checkpoint
from hwsim.models.batches import UNKNOWN_PIECE, Sequences
from hwsim.models.descent import load_slots, slots_of, warmth
from hwsim.models.model import InhibitorTransformer
from hwsim.models.named import prefixed, under
from hwsim.models.stacked.batches import Order
from hwsim.models.stacked.graphs import Replay
from hwsim.models.stacked.model import stack
from hwsim.models.stacked.noise import uniform
from hwsim.models.train import TrainConfig, TrainingSet, known_of, losses_of

Watch = Callable[[int, int, int], None]
"""Called with (run, step, steps) before each step of each run; may prune, rewind or copy that run's model."""


def train_stacked(
    models: Sequence[InhibitorTransformer],
    training: TrainingSet,
    config: TrainConfig,
    seeds: Sequence[int],
    device: str = "cuda",
    *,
    first_step: int = 0,
    watch: Watch | None = None,
    capture: bool = True,
    progress: Callable[[int, int, float], None] = lambda step, steps, loss: None,
    save: Path | None = None,
    save_every: int = 0,
    stamp: str = "",
) -> None:
    """Train `models` in place, run i with data order and word dropout drawn from seeds[i].

    The fields of `config` are those of single training, except that pruning is `watch`'s business, batches
    are not sharded, and `config.seed` gives way to `seeds`.
    first_step: begin as if so many steps had been done, with an empty optimiser (rewinding).
    capture: record CUDA graphs; a CPU has none.
    progress: called with (step, steps, mean loss) every 100 steps.
    save: a checkpoint that is continued from if it is there, written every `save_every` steps (0: never);
    stamp: what it must say.
    Raises ConfigError for models that cannot be stacked, a wrong number of seeds, or a step out of range.
    """
    runs = StackedTraining(models, training, config, seeds, device, capture)
    if not 0 <= first_step < runs.steps:
        raise ConfigError(f"training has {runs.steps} steps; it cannot begin at step {first_step}")
    if save is not None and (state := checkpoint.read(save, stamp)) is not None:
        first_step = runs.restore(state)
    for step in range(first_step, runs.steps):
        if save is not None and save_every and step > first_step and step % save_every == 0:
            checkpoint.write(save, runs.state(step), stamp)
        if watch is not None:
            for run in range(len(models)):
                watch(run, step, runs.steps)
        losses = runs.learn(step)
        if step % 100 == 0:
            progress(step, runs.steps, float(losses.mean()))
    for model in models:
        model.eval()


class StackedTraining:
    """A training of many runs in progress."""

    def __init__(
        self,
        models: Sequence[InhibitorTransformer],
        training: TrainingSet,
        config: TrainConfig,
        seeds: Sequence[int],
        device: str,
        capture: bool = True,
    ) -> None:
        if len(seeds) != len(models):
            raise ConfigError(f"{len(models)} models with {len(seeds)} seeds; give each its own")
        self.config = config
        self.model = stack([model.to(device) for model in models]).train()
        self.seeds = torch.tensor(list(seeds), device=device)
        self.order = Order(training.data, config.batch, self.seeds)
        self.steps = config.epochs * self.order.steps
        labels = torch.from_numpy(training.labels).to(device)
        self.labels = labels.float() if labels.is_floating_point() else labels.long()
        self.teacher = (
            None if training.teacher is None else torch.from_numpy(training.teacher).float().to(device)
        )
        self.step = torch.zeros((), dtype=torch.int64, device=device)
        """The step's number where a recorded graph reads it."""
        self.optimizer = _optimizer(self.model, config, device)
        self.parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        self._replay = Replay(self._body, device, capture)

    def learn(self, step: int) -> Tensor:
        """Take one step; returns each run's loss [runs]."""
        self.step.fill_(step)
        for group in self.optimizer.param_groups:
            rate = group["peak"] * warmth(step, self.steps)
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate
        batch = self.order.batch(step)
        return self._replay(batch.shape, batch.rows)

    def state(self, step: int) -> dict[str, Tensor]:
        """Everything that the steps from `step` on depend on, as named tensors."""
        state = {"step": torch.tensor(step)} | prefixed("model", self.model.state_dict())
        return state | slots_of(self.optimizer)

    def restore(self, state: dict[str, Tensor]) -> int:
        """Continue from `state()` of a stack of the same runs, before the first step; returns its step."""
        self.model.load_state_dict(under("model", state))
        load_slots(self.optimizer, state)
        return int(state["step"])

    def _body(self, shape: Hashable, rows: Tensor) -> Tensor:
        bucket = shape[0]  # type: ignore[index]
        token_ids, mask = self.order.token_ids[bucket][rows], self.order.mask[bucket][rows]
        dropped = uniform(self.seeds, self.step, token_ids.shape[1:]) < self.config.word_dropout
        logits = self.model(token_ids.masked_fill(dropped, UNKNOWN_PIECE), mask)
        losses = self._losses(self.model.classifier.real(logits), self.order.index[bucket][rows])
        gradients = torch.autograd.grad(losses.sum(), self.parameters)
        for parameter, gradient in zip(self.parameters, clipped(gradients), strict=True):
            # The fused optimiser wants gradients laid out like their parameters.
            parameter.grad = gradient.contiguous()
        self.optimizer.step()
        return losses.detach()

    def _losses(self, logits: Tensor, index: Tensor) -> Tensor:
        """Mean loss of each run [runs]; logits [runs, batch, classes], index [runs, batch]."""
        labels, teacher = self.labels[index].flatten(), None
        counted: Tensor | int = index.shape[1]
        if self.teacher is None:
            counted = known_of(labels).view_as(index).sum(1).clamp(min=1)
        else:
            teacher = self.teacher[index].flatten(0, 1)
        each = losses_of(logits.flatten(0, 1), labels, teacher, self.config.distill)
        return each.view_as(index).sum(1) / counted


def _optimizer(model: InhibitorTransformer, config: TrainConfig, device: str) -> torch.optim.AdamW:
    """AdamW as in single training; being elementwise it never mixes runs."""
    groups: dict[str, dict[str, Any]] = {
        "matrices": {"peak": config.rate, "weight_decay": config.weight_decay},
        "vectors": {"peak": config.rate, "weight_decay": 0.0},
        "scales": {"peak": config.scale_rate, "weight_decay": 0.0},
    }
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            scale = name.endswith(("shift.value", "delta"))
            kind = "scales" if scale else "matrices" if name.endswith("latent") else "vectors"
            groups[kind].setdefault("params", []).append(parameter)
    cuda = device.startswith("cuda")
    for group in groups.values():
        # A recorded graph reads the rate from a tensor.
        group["lr"] = torch.tensor(group["peak"], device=device) if cuda else group["peak"]
    return torch.optim.AdamW([g for g in groups.values() if "params" in g], fused=cuda, capturable=cuda)


def clipped(gradients: Sequence[Tensor], limit: float = 1.0) -> list[Tensor]:
    """Gradients [runs, ...] scaled so that the norm over all of them is at most `limit` in each run."""
    norms = torch.stack([torch.linalg.vector_norm(gradient.flatten(1), dim=1) for gradient in gradients])
    factor = (limit / (torch.linalg.vector_norm(norms, dim=0) + 1e-6)).clamp(max=1.0)
    return [gradient * factor.view(-1, *[1] * (gradient.ndim - 1)) for gradient in gradients]


@torch.no_grad()
def accuracies(
    models: Sequence[InhibitorTransformer], data: Sequences, labels: np.ndarray, device: str = "cuda"
) -> list[float]:
    """Share of sequences whose largest logit is at the label, for each model."""
    together = stack([model.to(device) for model in models]).eval()
    order = Order(data, 512, torch.zeros(len(models), dtype=torch.int64, device=device))
    wanted = torch.from_numpy(labels).to(device)
    right = torch.zeros(len(models), dtype=torch.int64, device=device)
    for step in range(order.steps):
        batch = order.batch(step)
        found = together(order.token_ids[batch.bucket][batch.rows], order.mask[batch.bucket][batch.rows])
        right += (found.argmax(-1) == wanted[order.index[batch.bucket][batch.rows]]).sum(1)
    return (right / len(data)).tolist()
