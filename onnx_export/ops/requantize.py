"""Rounding shift and saturation."""

from __future__ import annotations

from hwsim.onnx_export.builder import Builder
from hwsim.onnx_export.ops.round_shift import round_shift
from hwsim.onnx_export.ops.saturate import saturate


def requantize(b: Builder, acc: str, shift: int, bits: int = 8) -> str:
    """saturate(round_shift(acc, shift), bits)."""
    return saturate(b, round_shift(b, acc, shift), bits)
