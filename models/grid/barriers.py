"""Linear mode connectivity at the rewind point (Frankle et al. 2020, arXiv 1912.05671).

From the point that a cell rewinds to, under the mask of a ticket or none, two copies are trained with other
orders of the data, and dev is asked along the straight line between their latent weights. If nothing gets
worse on the way, the point lies late enough that the order of the data no longer decides where training ends.
"""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hwsim.files import write_atomic
from hwsim.models.float_sparse import Model
from hwsim.models.grid.cells import Cell
from hwsim.models.grid.folder import GridFolder
from hwsim.models.pruning.rewind import Snapshot
from hwsim.models.pruning.weights import density
from hwsim.models.search import Job, Setup

POINTS = 11
FIRST_ORDER = 1000
"""Orders of the data are drawn from seeds that no run of a grid has."""

Measure = Callable[[Sequence[Model]], list[dict[str, Any]]]
"""Accuracy and loss of each model on dev; the models are used up for it."""


def orders(seed: int) -> list[int]:
    """The seeds of the two orders."""
    return [FIRST_ORDER + 2 * seed, FIRST_ORDER + 2 * seed + 1]


def write_barriers(setup: Setup, cell: Cell, folder: GridFolder, round: str, measure: Measure) -> None:
    """Train and measure what is missing for the mask of a round, all seeds at once; a record each."""
    paths = {seed: folder.records / f"{cell.key}-{round}-{seed}-barrier.json" for seed in cell.seeds}
    missing = [seed for seed in cell.seeds if not paths[seed].exists()]
    if not missing:
        return
    home = folder.cell(cell.key)
    unfinished = home / f"barrier-{round}.unfinished"
    unfinished.mkdir(exist_ok=True)
    trained = []
    # One order of all seeds after the other: as many at once as in a round, which may have left its graphs.
    for which in zip(*map(orders, missing), strict=True):
        models = [_point(setup, home / f"seed-{seed}", round, seed) for seed in missing]
        setup.fit(Job(models, which, setup.rewind.step, lambda run, step, steps: None, unfinished))
        trained.append(models)
    for seed, ends in zip(missing, zip(*trained, strict=True), strict=True):
        alphas = np.linspace(0, 1, POINTS).tolist()
        record = {
            "kind": "barrier",
            "grid": cell.grid,
            "task": setup.task,
            "cell": cell.name,
            "model": cell.model,
            "round": round,
            "step": setup.rewind.step,
            "seed": seed,
            "seeds": orders(seed),
            "density": density(ends[0]),
        } | along(setup.make(seed), ends, alphas, measure)
        write_atomic(paths[seed], json.dumps(record, indent=1) + "\n")
    shutil.rmtree(unfinished)


def _point(setup: Setup, home: Path, round: str, seed: int) -> Model:
    """The weights of the rewind point under the mask of a round."""
    model = setup.make(seed)
    Snapshot.read(home / f"{round}.safetensors").restore(model)
    Snapshot.read(home / "rewind.safetensors").rewind(model)
    return model


def along(model: Model, ends: Sequence[Model], alphas: Sequence[float], measure: Measure) -> dict[str, Any]:
    """Loss and accuracy along the line between two models of one mask and `model`'s sizes.

    A barrier is how much worse the worst point is than the mean of the ends; 0 or more.
    """
    a, b = (Snapshot.of(end).tensors for end in ends)
    line = []
    for alpha in alphas:
        # Masks, and what strong tickets freeze, are equal at both ends.
        between = {
            name: torch.lerp(start, b[name], alpha) if start.is_floating_point() else start
            for name, start in a.items()
        }
        line.append(copy.deepcopy(model))
        Snapshot(between).restore(line[-1])
    measured = measure(line)
    losses, accuracies = ([found[name] for found in measured] for name in ("loss", "accuracy"))
    return {
        "points": list(alphas),
        "losses": losses,
        "accuracies": accuracies,
        "barrier_loss": max(losses) - (losses[0] + losses[-1]) / 2,
        "barrier_accuracy": (accuracies[0] + accuracies[-1]) / 2 - min(accuracies),
    }
