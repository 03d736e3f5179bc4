"""One operator as a graph of its own, run on a case of `hwsim.cases`."""

from __future__ import annotations

from typing import Any

import numpy as np

from hwsim.cases import Case
from hwsim.errors import HwsimError, RangeError
from hwsim.onnx_export import ops, profiles
from hwsim.onnx_export.builder import Builder
from hwsim.onnx_export.runtime import run

TENSORS = {
    "round_shift": ("x",),
    "saturate": ("x",),
    "requantize": ("acc",),
    "embed": ("token", "position"),
    "manhattan_norm": ("x",),
    "linear": ("x",),
    "relu": ("x",),
    "manhattan_score": ("q", "k", "mask"),
    "inhibit": ("v", "score"),
    "residual_add": ("x", "acc"),
    "pool": ("x", "mask"),
    "classify": ("x",),
}
"""The arguments that are graph inputs; weights and shifts become constants, as in a model."""


def _sizes(case: Case) -> dict[str, int]:
    """What NumPy reads off its arrays and a graph must be told."""
    if case.operator == "manhattan_norm":
        return {"width": case.arguments["x"].shape[-1]}
    if case.operator in ("manhattan_score", "inhibit"):
        *_, tokens, width = case.arguments["v" if case.operator == "inhibit" else "q"].shape
        return {"tokens": tokens, "width": width}
    return {}


def run_operator(case: Case, runtime: str = "onnxruntime", profile: str = "portable") -> np.ndarray:
    """The operator's result, int32, computed by one of `runtime.RUNTIMES`.

    Raises HwsimError for an unknown operator, runtime or profile, RangeError for an input of 2^24 or more,
    where the portable profile ends.
    """
    if case.operator not in TENSORS:
        raise HwsimError(f"unknown operator {case.operator!r}; the operators are {', '.join(TENSORS)}")
    b, feeds = Builder(profiles.find(profile)), {}
    arguments: dict[str, Any] = dict(case.arguments)
    for name in TENSORS[case.operator]:
        feeds[name] = np.asarray(arguments[name])
        if feeds[name].size and int(np.abs(feeds[name].astype(np.int64)).max()) >= 1 << 24:
            raise RangeError(f"{case.operator}: {name} reaches 2^24; the portable profile ends below it")
        arguments[name] = b.input(name, feeds[name].shape)
    with b.scope(case.operator):
        result = b.named(getattr(ops, case.operator)(b, **arguments, **_sizes(case)), "result")
    return run(b.model(case.operator, [result], {}), feeds, runtime)["result"]
