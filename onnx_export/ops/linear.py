"""Integer linear layer."""

from __future__ import annotations

import itertools

import numpy as np

from hwsim.onnx_export.builder import INT32, ZERO_POINT, Builder
from hwsim.onnx_export.profiles import FAST

PER_BYTE = 4
QUADS = np.array(list(itertools.product((-1, 0, 1, 0), repeat=PER_BYTE)), np.int16) + ZERO_POINT
"""The four weights, as bytes, that each code of four 2-bit digits stands for; 3 stands for nothing."""


def linear(b: Builder, x: str, weight: np.ndarray, bias: np.ndarray) -> str:
    """bias + weight @ x for rows x [..., k]; weight [o, k], stored as [k, o]."""
    if b.profile is FAST:
        acc = b.matmul_uint8(b.uint8(x), _stored_bytes(b, weight.T))
    else:
        acc = b.op("MatMul", x, b.int32(weight.T, "weight"))
    return b.op("Add", acc, b.constant(bias.astype(np.int32), "bias"))


def _stored_bytes(b: Builder, weight: np.ndarray) -> str:
    """weight + 128 as uint8; ternary ones are stored four a byte and looked up in a table of 256 rows."""
    if np.abs(weight.astype(np.int16)).max() > 1 or weight.shape[1] % PER_BYTE:
        return b.constant((weight.astype(np.int16) + ZERO_POINT).astype(np.uint8), "weight")
    quads = (weight.astype(np.int16) + 1).reshape(len(weight), -1, PER_BYTE)
    packed = b.constant((quads @ np.array([64, 16, 4, 1])).astype(np.uint8), "weight")
    rows = b.take(QUADS.astype(np.uint8), b.op("Cast", packed, to=INT32))
    return b.op("Reshape", rows, np.array([0, weight.shape[1]], np.int64))
