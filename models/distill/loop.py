"""The training of teachers and students on a loss that each of them brings, with checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from hwsim.models import checkpoint
from hwsim.models.batches import Sequences
from hwsim.models.descent import Descent, Steps

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(index into the data, token_ids, mask) to a scalar."""


@dataclass(frozen=True)
class Plan(Steps):
    """How one stage trains."""

    epochs: int = 4
    batch: int = 128
    rate: float = 3e-5
    scale_rate: float = 2e-2
    weight_decay: float = 0.01
    seed: int = 0
    bf16: bool = False
    """Autocast to bfloat16. Never for integer layers, which it would make inexact."""


class Loop(Descent):
    """Train the parameters of a module that ask for a gradient, in the mode the module is in."""

    prefix = "module"

    def __init__(self, module: nn.Module, data: Sequences, plan: Plan, device: str) -> None:
        super().__init__(module, data, plan, device)
        self.bf16 = plan.bf16

    def run(
        self,
        loss: Loss,
        *,
        before: Callable[[int, int], None] = lambda step, steps: None,
        check: Callable[[int, int], None] = lambda step, steps: None,
        after: Callable[[int, int, float], None] = lambda step, steps, loss: None,
        save: Path | None = None,
        save_every: int = 0,
        stamp: str = "",
    ) -> None:
        """Train to the end.

        before: called with (step, steps) in front of every step (pruning); check: behind every step, and may
        raise; after: with (step, steps, loss) every 50 steps and the last. save: a checkpoint that is
        continued from if it is there, written every `save_every` steps (0: never) and removed at the end;
        stamp: what it must say.
        """
        if save is not None and (state := checkpoint.read(save, stamp)) is not None:
            self.restore(state)
        for index, token_ids, mask in self.left():
            before(self.step, self.steps)
            value = self._learn(loss, index, token_ids, mask)
            check(self.step, self.steps)
            if save is not None and save_every and self.step % save_every == 0:
                checkpoint.write(save, self.state(), stamp)
            if self.step % 50 == 0 or self.step == self.steps:
                after(self.step, self.steps, float(value))
        if save is not None:
            save.unlink(missing_ok=True)

    def _learn(self, loss: Loss, index: Tensor, token_ids: Tensor, mask: Tensor) -> Tensor:
        kind = self.device.split(":")[0]
        # The GPU's faster attentions add their gradients in any order: no two teachers would be the same.
        with sdpa_kernel(SDPBackend.MATH):
            with torch.autocast(kind, torch.bfloat16) if self.bf16 else nullcontext():
                value = loss(index, token_ids, mask)
            self.optimizer.zero_grad(set_to_none=True)
            value.backward()
        self.update()
        return value.detach()


def train_only(module: nn.Module, names: Sequence[str]) -> None:
    """Freeze all parameters but those whose name begins with one of `names`."""
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(name.startswith(tuple(names)))
