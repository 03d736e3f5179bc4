"""Token row plus position row."""

from __future__ import annotations

from hwsim.onnx_export.builder import Builder
from hwsim.onnx_export.ops.saturate import saturate


def embed(b: Builder, token: str, position: str, shift: int, bits: int = 16) -> str:
    """saturate((token + position) * 2^shift, bits); both rows already looked up, int32 [..., n, d]."""
    return saturate(b, b.op("Mul", b.op("Add", token, position), 1 << shift), bits)
