"""Symmetric saturation."""

from __future__ import annotations

from hwsim.onnx_export.builder import Builder
from hwsim.ops.requantize import largest


def saturate(b: Builder, x: str, bits: int) -> str:
    """min(max(x, -M), M) with M = 2^(bits-1) - 1."""
    return b.clip(x, -largest(bits), largest(bits))
