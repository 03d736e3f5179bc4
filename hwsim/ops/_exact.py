"""An exact integer product through the float unit, used only where every partial sum is representable."""

from __future__ import annotations

from typing import Any

import numpy as np

from hwsim.errors import HwsimError


def integer_matmul(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """x @ weight.T over int64, slow and plain: the reference that `exact_matmul` is tested against."""
    return x.astype(np.int64) @ weight.astype(np.int64).T


def exact_matmul(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """x @ weight.T for integers, by BLAS when the row bound proves it exact.

    Every partial sum of row o is an integer of magnitude at most max|x| * sum_k |w_ok|. Below 2^24 all
    such integers are float32 numbers, below 2^53 float64 numbers, whatever the order of summation.

    x: integers [..., k]; weight: integers [o, k]. Returns int64 [..., o].
    Raises HwsimError if the bound reaches 2^53.
    """
    if not x.size:
        return np.zeros((*x.shape[:-1], weight.shape[0]), np.int64)
    row = int(np.abs(weight.astype(np.int64)).sum(axis=1).max(initial=0))
    bound = int(np.abs(x.astype(np.int64)).max()) * row
    if bound >= 1 << 53:
        raise HwsimError(f"a linear layer may reach {bound}, beyond the exact range 2^53")
    real: Any = np.float32 if bound < 1 << 24 else np.float64
    return (x.astype(real) @ weight.astype(real).T).astype(np.int64)
