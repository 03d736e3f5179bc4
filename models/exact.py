"""The check made while training: the forward pass still computes the emulator's integers."""

from __future__ import annotations

import torch
from torch import Tensor

from hwsim.compare import first_difference
from hwsim.errors import HwsimError
from hwsim.models.model import InhibitorTransformer
from hwsim.models.operators import to_array
from hwsim.models.train import Training

ROWS = 4
"""Sequences of the last batch that are compared."""


class InexactError(HwsimError):
    """The training's forward pass left the emulator's integers."""


def due(every: int, step: int, steps: int) -> bool:
    """Whether to compare after `step` steps: each time `every` more were taken (0: never), and at the end."""
    return bool(every) and step > 0 and (step % every == 0 or step == steps)


def check(training: Training) -> int:
    """Compare a single training as it stands, on sequences of its last batch; see `compare`."""
    if training.integer is None:
        return 0
    token_ids, mask = training.batch
    return check_batch(training.integer, token_ids, mask, training.step)


def check_batch(model: InhibitorTransformer, token_ids: Tensor, mask: Tensor, step: int) -> int:
    """Compare a model after `step` steps, on the first sequences of a batch; see `compare`."""
    token_ids, mask = token_ids[:ROWS], mask[:ROWS]
    with torch.enable_grad():
        logits = model(token_ids, mask)
    return compare(model, token_ids, mask, logits, f"step {step}")


def compare(model: InhibitorTransformer, token_ids: Tensor, mask: Tensor, logits: Tensor, when: str) -> int:
    """Compare every named tensor of a model in training with its ticket's; returns how many there were.

    logits: what the very call of a training step gives, gradients on, so that it took the same path through
    kernels. A call with a trace computes attention in two halves; all other tensors are of such a call.
    Raises InexactError naming `when`, the tensor and the element.
    """
    trace: dict[str, Tensor] = {}
    with torch.enable_grad():
        model(token_ids, mask, trace)
    actual = {}
    for name, tensor in (trace | {"logits": logits}).items():
        try:
            actual[name] = to_array(tensor)
        except ValueError as error:
            raise InexactError(f"{when}: {name}: {error}") from error
    inputs = token_ids.cpu().numpy(), mask.cpu().numpy()
    expected = model.golden(model.to_ticket(), *inputs)
    if found := first_difference("training", expected, actual, inputs[1]):
        raise InexactError(
            f"{when}: the trained forward pass differs from the emulator first in "
            f"{found.tensor}{list(found.index)}: expected {found.expected}, got {found.actual} "
            f"({found.elements} elements of this tensor differ; operator {found.operator})"
        )
    return len(expected)
