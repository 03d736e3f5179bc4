"""Linear layers made ready for the kernels: dense, or sparse where few weights are left."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hwsim.errors import UnsupportedError
from hwsim.native import kernels

BLOCK = 16
"""Outputs that share a shift."""

SPARSE_BELOW = 0.5
"""Density of ternary weights below which one addition a weight beats 32 products in two instructions."""

SPARSE_INPUTS = (1 << 13) - 1
"""Inputs that the sparse form can count in 16 bits."""

KEEP, NARROW, RESIDUAL = range(3)
"""What becomes of the accumulators: kept, requantised, or added to the residual stream."""

NOTHING = np.zeros(0, np.int8)
"""Stands for an array that is not given or not wanted."""


def sparse_can(weight: np.ndarray, bias: np.ndarray, least: int = -127) -> bool:
    """Whether the sparse form is exact: ternary weights, and no sum of inputs in least..127 leaves 16 bits.

    weight: int8 [outputs, inputs]; bias: int32 [outputs].
    """
    if weight.size == 0 or weight.shape[1] > SPARSE_INPUTS or np.abs(weight.astype(np.int16)).max() > 1:
        return False
    plus, minus = (np.count_nonzero(weight == sign, axis=1) for sign in (1, -1))
    most, low = (bias + 127 * plus - least * minus).max(), (bias - 127 * minus + least * plus).min()
    return bool(low >= -(1 << 15) and most < 1 << 15)


def sparse_pays(weight: np.ndarray, bias: np.ndarray, least: int = -127) -> bool:
    """Whether the sparse form is exact and has so few weights that it is the faster one."""
    return sparse_can(weight, bias, least) and bool(np.count_nonzero(weight) < SPARSE_BELOW * weight.size)


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


def pack(
    weight: np.ndarray, bias: np.ndarray, shift: int = 0, sparse: bool | None = None, least: int = -127
) -> Packed:
    """One layer for inputs of at least `least`, its form chosen by its density unless it is given.

    Raises UnsupportedError if an accumulator may leave 32 bits, or if the sparse form is asked for and is not
    exact (`sparse_can`).
    """
    if sparse and not sparse_can(weight, bias, least):
        raise UnsupportedError(
            "the sparse form needs ternary weights and accumulators that stay in 16 bits; use the dense form"
        )
    shifts = np.full(-(-len(weight) // BLOCK), shift, np.uint8)
    return Packed(weight, bias, shifts, sparse_pays(weight, bias, least) if sparse is None else sparse)
