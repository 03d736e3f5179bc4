"""What every training does: shuffled batches, AdamW, one schedule of the rate, and a state to go on from."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn

from hwsim.models.batches import Bucketed, Sequences
from hwsim.models.named import prefixed, under


@dataclass(frozen=True)
class Steps:
    """How many steps, of what size; each kind of training has its own defaults."""

    epochs: int
    batch: int
    rate: float
    """Peak learning rate of AdamW; see `warmth`."""
    scale_rate: float
    """Peak learning rate of shifts and deltas, which count in whole integer steps."""
    weight_decay: float
    seed: int


def warmth(step: int, steps: int) -> float:
    """The share of the peak rate at a step: a 5 % warm-up, then a cosine to zero."""
    warm = max(1, steps // 20)
    return min((step + 1) / warm, 0.5 + 0.5 * math.cos(math.pi * min(step / steps, 1.0)))


def optimizer_of(model: nn.Module, plan: Steps, device: str) -> torch.optim.AdamW:
    """AdamW with three groups: matrices decay, vectors do not, scales have a rate of their own."""
    matrices = [p for p in model.parameters() if p.ndim == 2]
    scales = [p for name, p in model.named_parameters() if name.endswith(("shift.value", "delta"))]
    known = {id(p) for p in matrices + scales}
    vectors = [p for p in model.parameters() if id(p) not in known]
    groups: list[dict[str, Any]] = [
        {"params": matrices, "peak": plan.rate},
        {"params": vectors, "peak": plan.rate, "weight_decay": 0.0},
        {"params": scales, "peak": plan.scale_rate, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        groups, lr=plan.rate, weight_decay=plan.weight_decay, fused=device.startswith("cuda")
    )


def slots_of(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """An optimiser's moments as named tensors."""
    state: dict[str, Tensor] = {}
    for i, slots in optimizer.state_dict()["state"].items():
        state |= prefixed(f"optimizer.{i}", slots)
    return state


def load_slots(optimizer: torch.optim.Optimizer, state: dict[str, Tensor]) -> None:
    """Give an optimiser of the same parameters what `slots_of` named."""
    slots: dict[int, dict[str, Tensor]] = {}
    for name, tensor in under("optimizer", state).items():
        i, slot = name.split(".")
        slots.setdefault(int(i), {})[slot] = tensor
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": slots, "param_groups": groups})


class Descent:
    """A training in progress. A subclass takes the batches that are `left`, and for each of them zeroes the
    gradients, computes them anew and calls `update`."""

    prefix = "model"
    """Of the model's tensors in a state."""

    def __init__(self, model: nn.Module, data: Sequences, plan: Steps, device: str, start: int = 0) -> None:
        """start: the step to begin at, with its place in schedule and data order and empty moments."""
        torch.manual_seed(plan.seed)
        self.model, self.device = model.to(device), device
        self.buckets = Bucketed(data, device)
        self.optimizer = optimizer_of(model, plan, device)
        self.epoch_steps = sum(-(-len(bucket[0]) // plan.batch) for bucket in self.buckets.buckets)
        self.steps = plan.epochs * self.epoch_steps
        self.step = start
        """Steps done."""
        self._batch = plan.batch
        self._order = torch.Generator().manual_seed(plan.seed)
        for _ in range(start // self.epoch_steps):
            next(self._epoch())  # draws the order of a whole epoch
        self._before_epoch = self._order.get_state()

    def _epoch(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        return self.buckets.batches(self._batch, self._order)

    def left(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """(index, token_ids, mask) of every step from here to the end."""
        while self.step < self.steps:
            self._before_epoch = self._order.get_state()
            yield from islice(self._epoch(), self.step % self.epoch_steps, None)

    def update(self) -> None:
        """Take one step along the gradients."""
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * warmth(self.step, self.steps)
        self.optimizer.step()
        self.step += 1

    def state(self) -> dict[str, Tensor]:
        """Everything that the remaining steps depend on, as named tensors."""
        between = self.step % self.epoch_steps == 0
        state = {
            "step": torch.tensor(self.step),
            "random.order": self._order.get_state() if between else self._before_epoch,
            "random.cpu": torch.get_rng_state(),
        }
        if self.device.startswith("cuda"):
            state["random.cuda"] = torch.cuda.get_rng_state(self.device)
        return state | prefixed(self.prefix, self.model.state_dict()) | slots_of(self.optimizer)

    def restore(self, state: dict[str, Tensor]) -> None:
        """Continue from `state()` of a training with the same model, data and plan."""
        self.step = int(state["step"])
        self._order.set_state(state["random.order"])
        torch.set_rng_state(state["random.cpu"])
        if "random.cuda" in state and self.device.startswith("cuda"):
            torch.cuda.set_rng_state(state["random.cuda"], self.device)
        self.model.load_state_dict(under(self.prefix, state))
        load_slots(self.optimizer, state)
