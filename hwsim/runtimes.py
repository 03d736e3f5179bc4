"""The same inputs through every runtime that can be had, compared with the emulator, tensor by tensor.

A runtime that is not installed is listed as missing, with what would bring it, and never counts as exact.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hwsim import model
from hwsim.compare import Difference, first_difference
from hwsim.errors import HwsimError, MissingToolError
from hwsim.ticket import Ticket
from hwsim.tokens import Encoded
from hwsim.verify import make_inputs

Inputs = list[tuple[np.ndarray, np.ndarray]]
"""Batches of (token_ids int32, mask bool), each [batch, n]."""

BATCH = 32


@dataclass(frozen=True)
class Runtime:
    """One way to run an exported ticket."""

    name: str
    missing: Callable[[], str | None]
    """Why it cannot run here and what would change that; None if it can."""
    open: Callable[[Ticket, str], Any]
    """(ticket, profile) to a `hwsim.onnx_export.runtimes.session.Session`."""


@dataclass(frozen=True)
class Row:
    """What came of one runtime."""

    name: str
    version: str | None
    """None if it is missing or does not load the model."""
    exact: bool | None
    """Whether every integer is equal; None if it is missing, False if it fails."""
    first_difference: Difference | None = None
    loads: bool | None = None
    seconds: float | None = None
    """For all inputs, loading not included."""
    missing: str | None = None
    error: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON values."""
        difference = self.first_difference
        return vars(self) | {"first_difference": difference and difference.to_dict()}


def _needs(package: str, install: str) -> Callable[[], str | None]:
    return lambda: (
        None if importlib.util.find_spec(package) else f"needs {package}: pip install 'hwsim[{install}]'"
    )


def _part(module: str) -> Any:
    return importlib.import_module(f"hwsim.onnx_export.runtimes.{module}")


def _python(function: str, *arguments: Any) -> Callable[[Ticket, str], Any]:
    return lambda ticket, profile: getattr(_part("python"), function)(_export(ticket, profile), *arguments)


def _export(ticket: Ticket, profile: str) -> Any:
    return importlib.import_module("hwsim.onnx_export").export_model(ticket, trace=True, profile=profile)


def _node(package: str) -> Runtime:
    return Runtime(
        {"onnxruntime-web": "onnxruntime_web_node"}.get(package, "onnxruntime_node"),
        lambda: _part("node").missing(package),
        lambda ticket, profile: _part("node").NodeSession(_export(ticket, profile), package),
    )


def _c99_missing() -> str | None:
    try:
        importlib.import_module("hwsim.c99.build").HERE.found()
    except MissingToolError as error:
        return str(error)
    return None


RUNTIMES: tuple[Runtime, ...] = (
    Runtime("onnxruntime", lambda: None, _python("onnxruntime_session", True)),
    Runtime("onnxruntime_unoptimised", lambda: None, _python("onnxruntime_session", False)),
    Runtime("onnxruntime_ort", lambda: None, _python("ort_session")),
    Runtime("onnx_reference", lambda: None, _python("reference_session")),
    _node("onnxruntime-web"),
    Runtime(
        "onnxruntime_web_chromium",
        lambda: _part("chromium").missing(),
        lambda ticket, profile: _part("chromium").ChromiumSession(_export(ticket, profile)),
    ),
    _node("onnxruntime-node"),
    Runtime("openvino", _needs("openvino", "runtimes"), _python("openvino_session")),
    Runtime(
        "c99",
        _c99_missing,
        lambda ticket, profile: importlib.import_module("hwsim.c99.session").C99Session(ticket),
    ),
)
"""In the order they are run. The C build has no profile: it is made from the ticket."""


def directed_and_random(ticket: Ticket, count: int, seed: int = 0) -> Inputs:
    """The inputs of `hwsim verify`, and the same cut to one token and to half the length."""
    token_ids, mask = make_inputs(ticket.config, count, seed)
    half = ticket.config.max_tokens // 2
    short = mask[:, :half].any(axis=1)
    return [
        (token_ids, mask),
        (token_ids[:, :1], np.ones_like(mask[:, :1])),
        (token_ids[short, :half], mask[short, :half]),
    ]


def of_texts(encoded: Encoded) -> Inputs:
    """Texts in batches of similar length, each cut to its longest."""
    lengths = encoded.mask.sum(axis=1)
    order = np.argsort(lengths, kind="stable")
    batches = (order[at : at + BATCH] for at in range(0, len(order), BATCH))
    return [
        (encoded.token_ids[rows, : lengths[rows].max()], encoded.mask[rows, : lengths[rows].max()])
        for rows in batches
    ]


def run_runtimes(
    ticket: Ticket,
    inputs: Inputs,
    profile: str = "portable",
    names: Sequence[str] = (),
    reproduce: str = "",
    watch: Callable[[str], None] | None = None,
) -> list[Row]:
    """A row for each runtime, or for those in `names`.

    profile: of `hwsim.onnx_export`; reproduce: a command line for the report of a difference, with {name}
    in it; watch: called with each name. Raises HwsimError for an unknown name, RangeError for a ticket that
    the profile refuses.
    """
    known = {runtime.name: runtime for runtime in RUNTIMES}
    if unknown := [name for name in names if name not in known]:
        raise HwsimError(f"no runtime {unknown[0]!r}; there are {', '.join(known)}")
    _export(ticket, profile)
    rows = []
    for name in names or known:
        if watch:
            watch(name)
        missing = known[name].missing()
        if missing:
            rows.append(Row(name, None, None, missing=missing))
        else:
            rows.append(_row(known[name], ticket, inputs, profile, reproduce.format(name=name)))
    return rows


def _row(runtime: Runtime, ticket: Ticket, inputs: Inputs, profile: str, reproduce: str) -> Row:
    session = None
    try:
        with runtime.open(ticket, profile) as session:
            difference = None
            for token_ids, mask in inputs:
                expected = model.forward(ticket, token_ids, mask, trace=True).trace
                got = session.run(token_ids, mask)
                difference = first_difference(runtime.name, expected, got, mask, reproduce)
                if difference:
                    break
            return Row(runtime.name, session.version, difference is None, difference, True, session.seconds)
    except (HwsimError, MissingToolError) as error:
        version = None if session is None else session.version
        return Row(runtime.name, version, False, loads=session is not None, error=str(error))
