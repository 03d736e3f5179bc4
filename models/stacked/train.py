"""Train many models at once: one step of a stack is one step of every run in it.

A run alone is a stack of one. On a CPU each run ends with the same integers, alone or among others, and a
test holds that. On a GPU the library that multiplies matrices may choose another order of summation for
another number of runs; there a run's integers depend on how many run in its stack, but not on which. Stacks
of one, side by side on streams of their own, give every run the integers of that run alone on any device.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hwsim.errors import ConfigError
from hwsim.models import checkpoint, exact
from hwsim.models.batches import UNKNOWN_PIECE
from hwsim.models.descent import load_slots, slots_of, warmth
from hwsim.models.float_sparse import Model
from hwsim.models.layers import UNIT
from hwsim.models.model import InhibitorTransformer
from hwsim.models.named import prefixed, under
from hwsim.models.stacked.batches import Order, ResidentLessons
from hwsim.models.stacked.graphs import Replay
from hwsim.models.stacked.layers import leave, pile_again
from hwsim.models.stacked.model import kinds, stack
from hwsim.models.stacked.noise import uniform
from hwsim.models.train import TrainConfig, TrainingSet, known_of, losses_of

Watch = Callable[[int, int, int], None]
"""Called with (run, step, steps) before each step of each run; may prune, rewind or copy that run's model."""


def train_stacked(
    models: Sequence[Model],
    training: TrainingSet | Stage,
    config: TrainConfig,
    seeds: Sequence[int],
    device: str = "cuda",
    *,
    size: int = 0,
    first_step: int = 0,
    watch: Watch | None = None,
    capture: bool = True,
    progress: Callable[[int, int, list[float]], None] = lambda step, steps, losses: None,
    save: Path | None = None,
    save_every: int = 0,
    stamp: str = "",
    check_every: int = 0,
    kind: Callable[..., StackedTraining] | None = None,
) -> None:
    """Train `models` in place, run i with data order and word dropout drawn from seeds[i].

    The fields of `config` are those of single training, except that pruning is `watch`'s business, batches
    are not sharded, and `config.seed` gives way to `seeds`.
    training: a stage instead keeps data and recorded graphs on its device for further trainings.
    size: runs of one stack, the stacks side by side; 0: one stack of all.
    first_step: begin as if so many steps had been done, with an empty optimiser (rewinding).
    capture: record CUDA graphs; a CPU has none.
    progress: called with (step, steps, the loss of each run) every 100 steps.
    save: a checkpoint that is continued from if it is there, written every `save_every` steps (0: never);
    stamp: what it must say.
    check_every: steps between two comparisons of every run with the emulator; 0: none.
    kind: what makes a training of a stack, `StackedTraining` unless told otherwise.
    Raises ConfigError for models that cannot be stacked, a wrong number of seeds, or a step out of range,
    InexactError for a run that left the emulator's integers.
    """
    if len(seeds) != len(models):
        raise ConfigError(f"{len(models)} models with {len(seeds)} seeds; give each its own")
    stage = Stage(training, device, capture, kind) if isinstance(training, TrainingSet) else training
    size = size or len(models)
    parts = [slice(first, first + size) for first in range(0, len(models), size)]
    stacks = stage.stacks([models[part] for part in parts], config, [seeds[part] for part in parts])
    steps = stacks[0].steps
    if not 0 <= first_step < steps:
        raise ConfigError(f"training has {steps} steps; it cannot begin at step {first_step}")
    if save is not None and (state := checkpoint.read(save, stamp)) is not None:
        first_step = int(state["step"])
        for i, one in enumerate(stacks):
            one.restore(under(f"stack.{i}", state))
    _wait(device)
    with _products(models, device):
        for step in range(first_step, steps):
            if save is not None and save_every and step > first_step and step % save_every == 0:
                state = {"step": torch.tensor(step)}
                for i, one in enumerate(stacks):
                    with one.working():
                        state |= prefixed(f"stack.{i}", {k: v.cpu() for k, v in one.state().items()})
                checkpoint.write(save, state, stamp)
            losses = []
            for part, one in zip(parts, stacks, strict=True):
                with one.working():
                    if watch is not None:
                        for run in range(len(models))[part]:
                            watch(run, step, steps)
                    losses.append(one.learn(step))
                    if exact.due(check_every, step + 1, steps):
                        one.check(step)
            if step % 100 == 0:
                _wait(device)
                progress(step, steps, torch.cat(losses).tolist())
    _wait(device)
    for model in models:
        model.eval()


@contextmanager
def _products(models: Sequence[Model], device: str) -> Iterator[None]:
    """On a GPU, integer models multiply in TensorFloat-32, whose 11 bits hold int8 exactly; sums are float32.

    Rounded by it are gradients, and a student's state where it is compared with its teacher's. Models of real
    numbers keep float32.
    """
    precision = torch.get_float32_matmul_precision()
    if device.startswith("cuda") and all(isinstance(model, InhibitorTransformer) for model in models):
        torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(precision)


def _wait(device: str) -> None:
    """Until all that was started on any stream has been computed."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


class StackedTraining:
    """A training of some runs in progress, on a GPU on a stream of its own."""

    def __init__(
        self,
        models: Sequence[Model],
        lessons: ResidentLessons,
        config: TrainConfig,
        seeds: Sequence[int],
        capture: bool = True,
    ) -> None:
        device = lessons.device
        self.config, self.lessons, self.models, self.capture = config, lessons, models, capture
        self.model = stack([model.to(device) for model in models]).train()
        self.seeds = torch.tensor(list(seeds), device=device)
        self.order = Order(lessons, config.batch, self.seeds)
        self.steps = config.epochs * self.order.steps
        self.step = torch.zeros((), dtype=torch.int64, device=device)
        """The step's number where a recorded graph reads it."""
        trained: nn.Module = self.model
        self.project = self.projection()
        if self.project is not None:
            trained = nn.ModuleDict({"model": self.model, "project": self.project.to(device)})
        self.optimizer = _optimizer(trained, config, device)
        self.parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        self.replay = Replay(self._body, device, capture)
        self._stream = torch.cuda.Stream(device) if device.startswith("cuda") else None

    def take(self, models: Sequence[Model], config: TrainConfig, seeds: Sequence[int]) -> None:
        """Begin anew with other models of the same kinds, on the same tensors, so that graphs stay good.

        `config` may differ in its epochs. What comes out is what a new stack would have given.
        """
        leave(self.models)
        self.config, self.models = config, models
        pile_again(self.model, [model.to(self.lessons.device) for model in models])
        self.seeds.copy_(torch.tensor(list(seeds)))
        self.order = Order(self.lessons, config.batch, self.seeds)
        self.steps = config.epochs * self.order.steps
        moments = [slot for slots in self.optimizer.state.values() for slot in slots.values()]
        with torch.no_grad():
            for tensor in (*moments, *(() if self.project is None else self.project.parameters())):
                tensor.zero_()

    def projection(self) -> Projection | None:
        """What is trained beside the models, to compare them with a teacher's states of whole texts."""
        if not self.config.hidden:
            return None
        if (states := self.lessons.states) is None:
            raise ConfigError(f"distillation.hidden is {self.config.hidden}; the lessons have no states")
        return Projection(len(self.models), self.model.config.width, states.shape[1])

    def working(self) -> AbstractContextManager[Any]:
        """Where everything that concerns these runs has to happen."""
        return nullcontext() if self._stream is None else torch.cuda.stream(self._stream)

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
        return self.replay(batch.shape, batch.rows)

    def check(self, step: int) -> None:
        """Compare every run as it stands with the emulator, on sequences of that step's batch.

        The logits are the stack's own, all other tensors those of the run's model, a view of the stack.
        Float models have no emulator.
        """
        batch = self.order.batch(step)
        rows = batch.rows[:, : exact.ROWS]
        token_ids, mask = (part[batch.bucket][rows] for part in (self.lessons.token_ids, self.lessons.mask))
        with torch.enable_grad():
            logits = self.model(token_ids, mask)
        for run, model in enumerate(self.models):
            if not isinstance(model, InhibitorTransformer):
                return
            when = f"step {step + 1}, seed {int(self.seeds[run])}"
            exact.compare(model, token_ids[run], mask[run], logits[run], when)

    def state(self) -> dict[str, Tensor]:
        """Everything but the step's number that later steps depend on, as named tensors."""
        state = prefixed("model", self.model.state_dict()) | slots_of(self.optimizer)
        return state if self.project is None else state | prefixed("project", self.project.state_dict())

    def restore(self, state: dict[str, Tensor]) -> None:
        """Continue from `state()` of a stack of the same runs."""
        self.model.load_state_dict(under("model", state))
        if self.project is not None:
            self.project.load_state_dict(under("project", state))
        load_slots(self.optimizer, state)
        # The moments are other tensors now; graphs, if there are any, would use the old ones.
        self.replay = Replay(self._body, self.lessons.device, self.capture, self.replay.seen)

    def _body(self, shape: Hashable, rows: Tensor) -> Tensor:
        bucket = shape[0]  # type: ignore[index]
        token_ids, mask = self.lessons.token_ids[bucket][rows], self.lessons.mask[bucket][rows]
        losses = self.objective(token_ids, mask, self.lessons.index[bucket][rows])
        gradients = torch.autograd.grad(losses.sum(), self.parameters)
        for parameter, gradient in zip(self.parameters, clipped(gradients), strict=True):
            parameter.grad = gradient
        self.optimizer.step()
        return losses.detach()

    def dropped(self, token_ids: Tensor) -> Tensor:
        """Token ids of which this step's share is the unknown piece."""
        share = uniform(self.seeds, self.step, token_ids.shape[1:])
        return token_ids.masked_fill(share < self.config.word_dropout, UNKNOWN_PIECE)

    def objective(self, token_ids: Tensor, mask: Tensor, index: Tensor) -> Tensor:
        """Loss of each run [runs]; token_ids, mask [runs, batch, n], index [runs, batch] into the lessons."""
        classifier = self.model.classifier
        state = self.model.pooled(self.dropped(token_ids), mask)
        losses = self.told(classifier.real(classifier(state)), index)
        if self.project is not None and self.lessons.states is not None:
            error = self.project(state / UNIT) - self.lessons.states[index].float()
            losses = losses + self.config.hidden * error.square().mean((1, 2))
        return losses

    def told(self, logits: Tensor, index: Tensor) -> Tensor:
        """Mean loss of the answers of each run [runs]; logits [runs, batch, classes], index [runs, batch]."""
        labels, teacher = self.lessons.labels[index].flatten(), None
        counted: Tensor | int = index.shape[1]
        if self.lessons.teacher is None:
            counted = known_of(labels).view_as(index).sum(1).clamp(min=1)
        else:
            teacher = self.lessons.teacher[index].flatten(0, 1)
        config = self.config
        each = losses_of(logits.flatten(0, 1), labels, teacher, config.distill, config.temperature)
        return each.view_as(index).sum(1) / counted


class Projection(nn.Module):
    """The student's state as the teacher's, one linear map a run, from zero; it is not part of a ticket."""

    def __init__(self, runs: int, width: int, teacher_width: int) -> None:
        super().__init__()
        self.latent = nn.Parameter(torch.zeros(runs, teacher_width, width))
        self.bias = nn.Parameter(torch.zeros(runs, 1, teacher_width))

    def forward(self, x: Tensor) -> Tensor:
        """[runs, batch, width] to [runs, batch, teacher_width]."""
        return x @ self.latent.mT + self.bias


class Stage:
    """A training set on the device, and the stacks of the last training, for the next of the same kind.

    A step's graphs take longer to record than a small model's round takes to train.
    """

    def __init__(
        self,
        training: TrainingSet,
        device: str,
        capture: bool = True,
        make: Callable[..., StackedTraining] | None = None,
    ) -> None:
        self.lessons, self.capture = ResidentLessons(training, device), capture
        self._make = make or StackedTraining
        self._kind: object = None
        self._stacks: list[StackedTraining] = []

    def stacks(
        self,
        parts: Sequence[Sequence[Model]],
        config: TrainConfig,
        seeds: Sequence[Sequence[int]],
    ) -> list[StackedTraining]:
        """One stack for each part, at its beginning."""
        shapes = [(len(part), [(model.config, kinds(model)) for model in part]) for part in parts]
        kind = shapes, replace(config, epochs=1, seed=0)
        if kind == self._kind:
            for stack, part, its in zip(self._stacks, parts, seeds, strict=True):
                stack.take(part, config, its)
            return self._stacks
        # The old ones go first, both at a time may not fit; a stack and its graphs refer to each other.
        self._stacks = []
        gc.collect()
        torch.cuda.empty_cache()
        self._stacks = [
            self._make(part, self.lessons, config, its, self.capture)
            for part, its in zip(parts, seeds, strict=True)
        ]
        for stack in self._stacks:
            stack.replay.seen = self._stacks[0].replay.seen
        self._kind = kind
        return self._stacks


def _optimizer(model: nn.Module, config: TrainConfig, device: str) -> torch.optim.AdamW:
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
    """Gradients [runs, ...] scaled so that the norm over all of them is at most `limit` in each run.

    They come back contiguous, laid out like their parameters, as the fused optimiser wants them. All tensors
    of a run are taken together, in a few kernels.
    """
    scaled = []
    for own in zip(*(gradient.contiguous() for gradient in gradients), strict=True):
        factor = (limit / (nn.utils.get_total_norm(own) + 1e-6)).clamp(max=1.0)
        scaled.append(torch._foreach_mul(own, factor))
    if len(scaled) == 1:
        return [gradient[None] for gradient in scaled[0]]
    return [torch.stack(runs) for runs in zip(*scaled, strict=True)]
