"""Sum over the real tokens."""

from __future__ import annotations

from hwsim.onnx_export.builder import Builder


def pool(b: Builder, x: str, mask: str) -> str:
    """Sum over the tokens of x [..., n, d] where the mask [..., n] is 1."""
    return b.sum(b.op("Mul", x, b.unsqueeze(mask, -1)), -2)
