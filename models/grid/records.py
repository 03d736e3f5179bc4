"""The record of a run: all that statistics read. It is made from what a search leaves, and can be made again.

docs/grid.md lists the fields.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hwsim.cost import cost, entropy
from hwsim.metrics import calibration_error, cross_entropy, divergence
from hwsim.models.float_sparse import SparseFloat
from hwsim.models.grid.cells import Cell
from hwsim.models.pruning.small_dense import encoder_weights
from hwsim.ticket import Ticket

KEPT = ("task", "method", "round", "after", "rewind", "rung", "density", "density_integer", "density_all")
KEPT_LAST = ("densities", "seed", "config", "ticket", "seconds", "together", "steps", "device")
"""What is taken over from the record of a search."""


def run_record(
    cell: Cell,
    found: dict[str, Any],
    trained: Ticket | SparseFloat,
    logits: np.ndarray,
    labels: np.ndarray,
    dense: np.ndarray | None,
    said: np.ndarray | None,
) -> dict[str, Any]:
    """The record of a run.

    found: its record in the search; trained: what came of it; logits: what that says to dev, real
    [examples, classes]; labels: int [examples]; dense: logits of the dense model of this seed, None for that
    model itself; said: those of the teacher, if there is one.
    """
    return (
        {"kind": "run", "grid": cell.grid, "cell": cell.name, "model": cell.model}
        | {"width": trained.config.width, "hidden": trained.config.hidden}
        | {name: found[name] for name in KEPT}
        | (sizes(trained) if isinstance(trained, Ticket) else float_sizes(trained))
        | {"metrics": measures(logits, labels, dense, said), "examples": len(labels)}
        | {"right": hexadecimal(logits.argmax(-1) == labels)}
        | {name: found[name] for name in KEPT_LAST}
    )


def sizes(ticket: Ticket) -> dict[str, Any]:
    """What a ticket takes, counted as `hwsim cost` counts."""
    counted = cost(ticket, 1)
    bits = counted.bits
    return {
        "encoder_weights": encoder_weights(ticket.config),
        "parameters": counted.parameters,
        "digits_per_token": counted.nonzero_digits,
        "bits": {
            "weights": bits.weights,
            "mask": bits.mask,
            "mask_entropy": bits.mask_entropy,
            "total": bits.weights + bits.mask_entropy,
        },
    }


def float_sizes(model: SparseFloat) -> dict[str, Any]:
    """The same of a float model: 32 bits a weight, and no digits."""
    layers = {name: (int(linear.mask.sum()), linear.mask.numel()) for name, linear in model.encoder()}
    kept, weights = (sum(counts) for counts in zip(*layers.values(), strict=True))
    masks = math.ceil(sum(size * entropy(count / size) for count, size in layers.values()))
    return {
        "encoder_weights": weights,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "digits_per_token": None,
        "bits": {"weights": 32 * kept, "mask": weights, "mask_entropy": masks, "total": 32 * kept + masks},
    }


def measures(
    logits: np.ndarray, labels: np.ndarray, dense: np.ndarray | None = None, said: np.ndarray | None = None
) -> dict[str, float | None]:
    """What answers are worth: accuracy, loss in nats, calibration error, agreement with the dense model.

    With a teacher the divergence from what it said, in nats: the distillation loss on text held out.
    """
    answers = logits.argmax(-1)
    found = {
        "accuracy": float(np.mean(answers == labels)),
        "loss": cross_entropy(logits, labels),
        "ece": calibration_error(logits, labels),
        "agreement": None if dense is None else float(np.mean(answers == dense.argmax(-1))),
    }
    return found if said is None else found | {"teacher_divergence": divergence(logits, said)}


def hexadecimal(right: np.ndarray) -> str:
    """bool [n] as the hexadecimal text of its packed bits, the first example in the highest."""
    return np.packbits(right).tobytes().hex()
