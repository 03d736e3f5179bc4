"""hwsim: integer-only Inhibitor Transformers, bit for bit, from lottery ticket to silicon."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "ModelConfig": "hwsim.config",
    "Ticket": "hwsim.ticket",
    "load_ticket": "hwsim.ticket_file",
    "save_ticket": "hwsim.ticket_file",
    "forward": "hwsim.model",
    "inhibitor_head": "hwsim.model",
    "random_ticket": "hwsim.make",
    "random_tokens": "hwsim.make",
    "HwsimError": "hwsim.errors",
}

__all__ = [
    "HwsimError",
    "ModelConfig",
    "Ticket",
    "__version__",
    "backend",
    "forward",
    "inhibitor_head",
    "load_ticket",
    "random_ticket",
    "random_tokens",
    "save_ticket",
]

if TYPE_CHECKING:
    from hwsim import backend
    from hwsim.config import ModelConfig
    from hwsim.errors import HwsimError
    from hwsim.make import random_ticket, random_tokens
    from hwsim.model import forward, inhibitor_head
    from hwsim.ticket import Ticket
    from hwsim.ticket_file import load_ticket, save_ticket


def __getattr__(name: str) -> Any:
    # Names are imported when first used, so that `import hwsim` costs nothing.
    if name == "backend":
        return importlib.import_module("hwsim.backend")
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'hwsim' has no attribute {name!r}")
