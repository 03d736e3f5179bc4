"""Every implementation of an operator, held against the golden one on the shared cases."""

from __future__ import annotations

import numpy as np
import pytest

from hwsim.cases import Case, cases
from hwsim.errors import HwsimError
from hwsim.implementations import IMPLEMENTATIONS as ALL
from hwsim.native import operators

IMPLEMENTATIONS = {one.name: one.operator for one in ALL if one.name != "accelerator"}
"""C, onnxruntime with optimisation on and off, the ONNX reference, PyTorch, and the Verilog in simulation."""

every_implementation = pytest.mark.parametrize("implementation", IMPLEMENTATIONS)


def assert_equal(implementation: str, case: Case) -> None:
    """The implementation gives the golden integers for this case."""
    expected = case.expected()
    got = np.asarray(IMPLEMENTATIONS[implementation](case))
    assert got.dtype.kind == "i", f"{implementation} returned {got.dtype}"
    np.testing.assert_array_equal(
        got, expected, err_msg=f"{implementation}, {case.operator}: {case.name}", strict=False
    )
    assert got.shape == expected.shape


def refused(implementation: str, case: Case) -> str:
    """What the implementation's error says where it does not offer a case; empty if it does."""
    if implementation == "rtl" and case.arguments.get("centring") == "mean":
        return "mean"
    if implementation == "native" and case.operator not in operators.OPERATORS:
        return "no kernel of its own"
    return ""


def assert_agrees(implementation: str, operator: str) -> None:
    """The implementation gives the golden integers for every shared case of the operator."""
    for case in cases(operator):
        refusal = refused(implementation, case)
        if refusal:
            with pytest.raises(HwsimError, match=refusal):
                IMPLEMENTATIONS[implementation](case)
        else:
            assert_equal(implementation, case)
