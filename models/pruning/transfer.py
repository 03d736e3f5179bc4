"""Method: train on one task the ticket that was found on another (Morcos et al. 2019, arXiv 1906.02773).

Taken over are the mask and all weights of the point that the other search rewound to, as far as shapes agree;
the classifier, where tasks have other classes, is the new task's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from hwsim.errors import ConfigError
from hwsim.models.float_sparse import Model
from hwsim.models.pruning.plan import Round, label
from hwsim.models.pruning.rewind import Snapshot


def transfer(densities: Sequence[float]) -> list[Round]:
    """One training for each density, on the other search's iterative ticket of that density."""
    return [Round(label("transfer", d), "transfer", d, prune="transfer") for d in densities]


@torch.no_grad()
def take_over(model: Model, search: Path | None, density: float, seed: int) -> None:
    """Give `model` mask and rewound weights of the seed's iterative ticket in the folder of another search.

    Raises ConfigError if there is none, or if its encoder has other sizes.
    """
    if search is None:
        raise ConfigError("transfer takes the ticket of another search; name that search")
    home = search / f"seed-{seed}"
    paths = home / "rewind.safetensors", home / f"{label('iterative', density)}.safetensors"
    for path in paths:
        if not path.exists():
            raise ConfigError(f"{path} does not exist; transfer needs that search's iterative ticket first")
    point, ticket = (Snapshot.read(path).tensors for path in paths)
    for name, tensor in model.state_dict().items():
        found = (ticket if name.endswith(".mask") else point).get(name)
        if found is not None and found.shape == tensor.shape:
            tensor.copy_(found)
        elif name.startswith("blocks."):
            raise ConfigError(f"{search} has an encoder of other sizes than this model ({name})")
