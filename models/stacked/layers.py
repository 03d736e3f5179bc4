"""The layers of many runs in one: every tensor gets a leading axis of runs.

A stacked layer holds a copy of one run's layer whose tensors are all runs' tensors, brought to
[runs, ..., two axes], and lets it compute its integers as ever: weights [runs, outputs, inputs], biases
[runs, 1, outputs], shifts [runs, 1, 1]. Only what a forward pass does with them is written here.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from hwsim.models.kernels.pieces import uses_triton
from hwsim.models.layers import IntegerClassifier, IntegerLinear, IntegerTable, LearnedShift


def spread(tensors: Sequence[Tensor]) -> Tensor:
    """[runs, ...] of equal tensors, with ones in front of the last axes where there are fewer than two."""
    together = torch.stack([tensor.detach() for tensor in tensors])
    return together.view(len(tensors), *[1] * (3 - together.ndim), *together.shape[1:])


def pile(modules: Sequence[nn.Module]) -> nn.Module:
    """A copy of the first module whose parameters and buffers are those of all, spread.

    From now on the modules' own tensors are views of the pile's: whoever trains, prunes or rewinds one of
    them acts on the pile, and the reverse.
    """
    made = copy.deepcopy(modules[0])
    for where, name, together in _spread(modules):
        owner = made.get_submodule(where)
        first = getattr(owner, name)
        trains = isinstance(first, nn.Parameter)
        setattr(owner, name, nn.Parameter(together, first.requires_grad) if trains else together)
        for i, module in enumerate(modules):
            tensor = getattr(module.get_submodule(where), name)
            tensor.data = together[i].view(tensor.shape)
    return made


@torch.no_grad()
def pile_again(pile: nn.Module, modules: Sequence[nn.Module]) -> None:
    """Give a pile the tensors of other modules, in place; from now on it is theirs, as `pile` says.

    Whoever shared the pile before must have been let go by `leave` first.
    """
    for path, together in zip(modules[0].state_dict(), pile.state_dict().values(), strict=True):
        where, _, name = path.rpartition(".")
        for i, module in enumerate(modules):
            tensor = getattr(module.get_submodule(where), name)
            view = together[i].view(tensor.shape)
            view.copy_(tensor)
            tensor.data = view


def leave(modules: Sequence[nn.Module]) -> None:
    """Give modules tensors of their own again, with the values that they have in their pile."""
    for module in modules:
        for tensor in (*module.parameters(), *module.buffers()):
            tensor.data = tensor.data.clone()


def _spread(modules: Sequence[nn.Module]) -> list[tuple[str, str, Tensor]]:
    """(module's path, tensor's name, all runs' values) of every parameter and buffer."""
    found = []
    for path in modules[0].state_dict():
        where, _, name = path.rpartition(".")
        found.append((where, name, spread([getattr(m.get_submodule(where), name) for m in modules])))
    return found


class StackedShift(nn.Module):
    """Shifts of attention scores: [runs, 1, 1, 1, 1], for tensors [runs, batch, heads, n, n]."""

    def __init__(self, shift: LearnedShift) -> None:
        super().__init__()
        self.shift = shift

    def forward(self) -> Tensor:
        """Whole numbers."""
        return self.shift()[..., None, None]


class StackedTokens(nn.Module):
    """One token table a run."""

    def __init__(self, table: IntegerTable) -> None:
        super().__init__()
        self.table = table

    def forward(self, index: Tensor) -> Tensor:
        """Rows of `index` [runs, batch, n], each run's from its own table: [runs, batch, n, width]."""
        runs, rows, _ = self.table.latent.shape
        first = torch.arange(0, runs * rows, rows, device=index.device)[:, None, None]
        return self.table.integers(nn.functional.embedding(index + first, self.table.latent.flatten(0, 1)))


class StackedPositions(nn.Module):
    """One position table a run."""

    def __init__(self, table: IntegerTable) -> None:
        super().__init__()
        self.table = table

    def forward(self, index: Tensor) -> Tensor:
        """The rows of `index` = 0..n-1 of every run: [runs, 1, n, width]."""
        return self.table.integers(self.table.latent[:, None, : len(index)])


def add_bias(acc: Tensor, bias: Tensor) -> Tensor:
    """acc [runs, rows, outputs] + bias [runs, 1, outputs]."""
    if not uses_triton(acc):
        return acc + bias
    from hwsim.models.kernels.columns import AddBias

    return AddBias.apply(acc, bias)


class StackedLinear(nn.Module):
    """One linear layer a run, ordinary or strong, in one batched product."""

    def __init__(self, linear: IntegerLinear) -> None:
        super().__init__()
        self.linear = linear

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(acc [runs, batch, n, outputs], shift [runs, 1, 1, 1]); exact like `ops.linear`."""
        shift = self.linear.shift()
        weight, bias = self.linear.integers(shift)
        acc = add_bias(x.flatten(1, 2) @ weight.mT, bias)
        return acc.unflatten(1, x.shape[1:3]), shift[..., None]


class StackedClassifier(nn.Module):
    """One classifier a run."""

    def __init__(self, classifier: IntegerClassifier) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, x: Tensor) -> Tensor:
        """Integer logits [runs, batch, classes]."""
        weight, bias = self.classifier.integers()
        return x @ weight.mT + bias

    def real(self, logits: Tensor) -> Tensor:
        """Logits as real numbers, for a loss."""
        return self.classifier.real(logits)
