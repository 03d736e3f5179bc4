"""A small model and a ladder to search, and what two equal searches have in common."""

from __future__ import annotations

import torch

import hwsim
from hwsim.models import InhibitorTransformer

CONFIG = hwsim.ModelConfig(50, max_tokens=8, width=16, heads=2, layers=1, hidden=16, classes=2, embed_shift=3)
LADDER = (0.75, 0.5, 0.25)


def made(seed: int) -> InhibitorTransformer:
    torch.manual_seed(seed)
    return InhibitorTransformer(CONFIG)


def outcome(records: list[dict]) -> list[dict]:
    return [{k: v for k, v in record.items() if k not in ("seconds", "together")} for record in records]
