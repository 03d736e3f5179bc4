"""PyTorch side of hwsim: bit-exact training of integer tickets. Needs `pip install 'hwsim[train]'`."""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING, Any

from hwsim.errors import MissingToolError

if importlib.util.find_spec("torch") is None:
    raise MissingToolError("hwsim.models needs PyTorch: pip install 'hwsim[train]'")

_HOME = {
    "InhibitorTransformer": "hwsim.models.model",
    "emulate": "hwsim.models.model",
    "run_operator": "hwsim.models.operators",
}

__all__ = ["InhibitorTransformer", "emulate", "run_operator"]

if TYPE_CHECKING:
    from hwsim.models.model import InhibitorTransformer, emulate
    from hwsim.models.operators import run_operator


def __getattr__(name: str) -> Any:
    # PyTorch takes seconds to import: reading a configuration or showing help must not wait for it.
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'hwsim.models' has no attribute {name!r}")
