"""Linear layers made ready for the kernels: dense, or sparse where few weights are left."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hwsim.errors import UnsupportedError
from hwsim.native import kernels

BLOCK = 16
"""Outputs that share a shift."""

SPARSE_BELOW = 0.4
"""Density of ternary weights below which one addition a weight beats 32 products in two instructions."""

KEEP, NARROW, RESIDUAL = range(3)
"""What becomes of the accumulators: kept, requantised, or added to the residual stream."""

NOTHING = np.zeros(0, np.int8)
"""Stands for an array that is not given or not wanted."""


def sparse_pays(weight: np.ndarray) -> bool:
    """Whether a layer's weights are ternary and few enough for the sparse form."""
    if weight.size == 0 or np.abs(weight).max() > 1:
        return False
    return bool(np.count_nonzero(weight) < SPARSE_BELOW * weight.size)


@dataclass
class Packed:
    """A linear layer laid out for the kernels."""

    weight: np.ndarray
    """int8 [outputs, inputs], -127..127."""
    bias: np.ndarray
    """int32 [outputs]."""
    shifts: np.ndarray
    """uint8 [blocks of 16 outputs]: the right shift of what follows."""
    sparse: bool
    capsule: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        outputs, inputs = self.weight.shape
        weight = np.ascontiguousarray(self.weight, np.int8)
        reach = int(np.abs(weight.astype(np.int64)).sum(axis=1).max()) * 256
        if reach + int(np.abs(self.bias.astype(np.int64)).max()) >= 1 << 31:
            raise UnsupportedError(
                f"a linear layer's accumulator may reach {reach}; the kernels have 32 bits"
            )
        bias = np.ascontiguousarray(self.bias, np.int32)
        self.capsule = kernels().pack(weight, bias, self.shifts, outputs, inputs, self.sparse)


def pack(weight: np.ndarray, bias: np.ndarray, shift: int = 0, sparse: bool | None = None) -> Packed:
    """One layer, its form chosen by its density unless it is given.

    Raises UnsupportedError if an accumulator may leave 32 bits.
    """
    shifts = np.full(-(-len(weight) // BLOCK), shift, np.uint8)
    return Packed(weight, bias, shifts, sparse_pays(weight) if sparse is None else sparse)
