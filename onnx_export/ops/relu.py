"""Rectifier."""

from __future__ import annotations

from hwsim.onnx_export.builder import Builder


def relu(b: Builder, x: str) -> str:
    """max(x, 0), spelled Max: more runtimes have it for int32 than Relu."""
    return b.op("Max", x, 0)
