"""Rewinding: give the weights that survive a pruning the values they had earlier.

Three places to rewind to (Frankle et al. 2020, arXiv 1912.05671; Renda et al. 2020, arXiv 2003.02389):

- **initialisation**: the weights before the first step; training begins again;
- **step k**: the weights after k steps of the dense training; training goes on from step k;
- **learning rate**: the weights stay as trained, and only the schedule goes back to step k.

Rewinding acts on latent weights: the grid is a function of them, so the rewound integers are the earlier
ones too. The optimiser starts with empty moments, at the step's place in schedule and data order.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from hwsim.errors import ConfigError
from hwsim.files import write_atomic


@dataclass(frozen=True)
class Rewind:
    """Where a search rewinds to."""

    step: int = 0
    """k; 0 is the initialisation."""
    weights: bool = True
    """False: learning-rate rewinding."""

    def __post_init__(self) -> None:
        if self.step < 0:
            raise ConfigError(f"rewinding to step {self.step}; a step is 0 or more")

    @classmethod
    def parse(cls, text: str) -> Rewind:
        """From "init", "step:K", or "rate:K". Raises ConfigError."""
        kind, _, step = text.partition(":")
        if kind == "init" and not step:
            return cls()
        if kind in ("step", "rate") and step.isdigit():
            return cls(int(step), kind == "step")
        raise ConfigError(f"rewind to {text!r}; choose init, step:K or rate:K, K a number of steps")

    def __str__(self) -> str:
        return f"rate:{self.step}" if not self.weights else f"step:{self.step}" if self.step else "init"


@dataclass(frozen=True)
class Snapshot:
    """Copies of everything a model has learned, masks included."""

    tensors: dict[str, Tensor]

    @classmethod
    def of(cls, model: nn.Module) -> Snapshot:
        """A copy on the CPU, untouched by later training."""
        return cls({name: tensor.detach().cpu().clone() for name, tensor in model.state_dict().items()})

    def rewind(self, model: nn.Module) -> None:
        """Give `model` these values, bit for bit, but leave its masks as they are."""
        masks = {name: tensor for name, tensor in model.state_dict().items() if name.endswith(".mask")}
        model.load_state_dict(self.tensors | masks)

    def restore(self, model: nn.Module) -> None:
        """Give `model` these values, masks included."""
        model.load_state_dict(self.tensors)

    def save(self, path: Path) -> None:
        """Write a safetensors file."""
        write_atomic(path, save(self.tensors))

    @classmethod
    def read(cls, path: Path) -> Snapshot:
        """Read what `save` wrote. Raises ConfigError for a damaged file."""
        try:
            return cls(load(path.read_bytes()))
        except Exception as error:
            raise ConfigError(f"{path} is not a snapshot ({error}); delete it to train again") from error


def same(a: Snapshot, b: Snapshot) -> bool:
    """Whether two snapshots are equal bit for bit."""
    return a.tensors.keys() == b.tensors.keys() and all(
        torch.equal(tensor, b.tensors[name]) for name, tensor in a.tensors.items()
    )
