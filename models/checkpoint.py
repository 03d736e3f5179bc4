"""Named tensors in one safetensors file, with a stamp that says which computation they belong to."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from hwsim.errors import ConfigError
from hwsim.files import write_atomic


def write(path: Path, state: dict[str, Tensor], stamp: str) -> None:
    """Replace the file, whole or not at all."""
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.items()}
    write_atomic(path, save(tensors, {"hwsim": json.dumps({"stamp": stamp})}))


def read(path: Path, stamp: str) -> dict[str, Tensor] | None:
    """The tensors, or None if there is no file.

    Raises ConfigError for a damaged file, or one that belongs to another computation.
    """
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            found = json.loads((file.metadata() or {}).get("hwsim", "{}")).get("stamp")
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, ValueError) as error:
        raise ConfigError(f"{path}: damaged ({error}); delete it to begin again") from error
    if found != stamp:
        raise ConfigError(f"{path}: belongs to {found}, not to {stamp}; delete it to begin again")
    return state
