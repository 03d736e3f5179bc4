"""Add a layer's accumulator to the residual stream."""

from __future__ import annotations

from hwsim.onnx_export.builder import Builder
from hwsim.onnx_export.ops.round_shift import round_shift
from hwsim.onnx_export.ops.saturate import saturate


def residual_add(b: Builder, x: str, acc: str, shift: int, bits: int = 16) -> str:
    """saturate(x + round_shift(acc, shift), bits)."""
    return saturate(b, b.op("Add", x, round_shift(b, acc, shift)), bits)
