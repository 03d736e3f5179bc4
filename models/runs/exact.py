"""The check made while training: the forward pass still computes the emulator's integers."""

from __future__ import annotations

import torch

from hwsim import model as emulator
from hwsim.compare import first_difference
from hwsim.errors import HwsimError
from hwsim.models.operators import to_array
from hwsim.models.train import Training

ROWS = 4
"""Sequences of the last batch that are compared."""


class InexactError(HwsimError):
    """The training's forward pass left the emulator's integers."""


def check(training: Training) -> int:
    """Compare every named tensor of the model as it is being trained; returns how many there were.

    The same call as in a training step, gradients on, so that it takes the same path through kernels; its
    result is thrown away. Raises InexactError naming the step, the tensor and the element.
    """
    model = training.integer
    if model is None:
        return 0
    token_ids, mask = (part[:ROWS] for part in training.batch)
    trace: dict[str, torch.Tensor] = {}
    with torch.enable_grad():
        model(token_ids, mask, trace)
    actual = {}
    for name, tensor in trace.items():
        try:
            actual[name] = to_array(tensor)
        except ValueError as error:
            raise InexactError(f"step {training.step}: {name}: {error}") from error
    ticket = model.to_ticket()
    inputs = token_ids.cpu().numpy(), mask.cpu().numpy()
    expected = emulator.forward(ticket, *inputs, trace=True).trace
    if found := first_difference("training", expected, actual, inputs[1]):
        raise InexactError(
            f"step {training.step}: the trained forward pass differs from the emulator first in "
            f"{found.tensor}{list(found.index)}: expected {found.expected}, got {found.actual} "
            f"({found.elements} elements of this tensor differ; operator {found.operator})"
        )
    return len(expected)
