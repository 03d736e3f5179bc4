"""Rectifier."""

from __future__ import annotations

import numpy as np
import pytest
from implementations import assert_agrees, every_implementation

from hwsim import ops
from hwsim.errors import HwsimError


@every_implementation
def test_agrees(implementation: str) -> None:
    assert_agrees(implementation, "relu")


def test_every_value() -> None:
    x = np.arange(-127, 128)
    got = ops.relu(x)
    assert got.dtype == np.int8
    assert got.tolist() == [max(value, 0) for value in x.tolist()]


@pytest.mark.parametrize(("x", "message"), [([-128], "-128"), ([128], "128"), ([0.5], "float64")])
def test_refuses(x: list, message: str) -> None:
    with pytest.raises(HwsimError, match=message):
        ops.relu(np.array(x))
