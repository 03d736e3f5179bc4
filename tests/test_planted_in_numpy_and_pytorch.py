"""One wrong bit, sign or index in PyTorch or in the reference itself: it is seen, and the tensor is named.

The same for ONNX is in tests/onnx_export, for the Verilog in tests/rtl.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import pytest

import hwsim
from hwsim import ops, verify

Wrong = Callable[[Callable[..., Any]], Callable[..., Any]]


def truncate(right: Callable[..., Any]) -> Callable[..., Any]:
    """Without the rounding half."""
    return lambda x, shift, *rest: right(x - ((1 << int(shift)) >> 1), shift, *rest)


def negate(right: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *values: -right(*values)


def off_by_one(right: Callable[..., Any]) -> Callable[..., Any]:
    """The first token is left out."""

    def wrong(x: Any, mask: Any) -> Any:
        mask = mask.copy() if isinstance(mask, np.ndarray) else mask.clone()
        mask[:, 0] = mask[:, 0] & (mask[:, 1:].sum(-1) == 0)
        return right(x, mask)

    return wrong


BUGS = {
    "a rounding bit": ("manhattan_score", "round_shift", truncate, "layers.0.score", "manhattan_score"),
    "a sign": ("inhibit", "inhibit_sum", negate, "layers.0.inhibit", "inhibit"),
    "an index": ("pool", "pool", off_by_one, "pool", "pool"),
}


@pytest.mark.parametrize("bug", BUGS)
@pytest.mark.parametrize("where", ["hwsim.models.ops", "hwsim.ops"])
def test_it_is_found_and_named(where: str, bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    file, name, wrong, tensor, operator = BUGS[bug]
    module = import_module(f"{where}.{file}") if name != "pool" else import_module(where)
    monkeypatch.setattr(module, name, wrong(getattr(module, name)))
    config = hwsim.ModelConfig(vocabulary=30, max_tokens=8, width=16, heads=2, layers=2, hidden=16, classes=2)
    ticket = hwsim.random_ticket(config)
    batch = verify.prepare(ticket, verify.make_inputs(config, 4))
    report = verify.verify_ticket(batch, ("pytorch", "onnxruntime"), "hwsim verify x --tensor {tensor}")
    found = report.differences["pytorch"]
    assert (found.tensor, found.operator) == (tensor, operator)
    assert found.expected != found.actual
    assert found.reproduce == f"hwsim verify x --tensor {tensor}"
    # A fault of the reference shows everywhere, one of PyTorch in PyTorch only.
    assert report.equal["onnxruntime"] is (where != "hwsim.ops")


def test_the_reference_is_right_when_nothing_is_planted() -> None:
    assert ops.round_shift(np.array([1, -1, 3]), 1).tolist() == [1, 0, 2]
