"""The site's folder: the page, the exported ticket, its tokenizer, test vectors and onnxruntime-web."""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
from pathlib import Path
from typing import Any

import hwsim
from hwsim import model
from hwsim.errors import MissingToolError
from hwsim.files import write_atomic
from hwsim.ticket import Ticket
from hwsim.tokens import encode
from hwsim.web.examples import examples
from hwsim.web.tokenizer import describe

SITE = Path(__file__).parent / "site"
PACKAGE = "onnxruntime-web"
RUNTIME = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")


def build(ticket: Ticket, name: str, folder: str | os.PathLike[str]) -> dict[str, int]:
    """Write the site of a ticket that reads text, called `name` on the page; returns bytes by file.

    Raises MissingToolError without the npm package onnxruntime-web, UnsupportedError for a tokenizer that
    the page does not know, RangeError if the ticket cannot be exported in the fast profile.
    """
    export = importlib.import_module("hwsim.onnx_export")
    javascript = importlib.import_module("hwsim.onnx_export.runtimes.javascript")
    package = javascript.package(PACKAGE)
    if package is None:
        raise MissingToolError(f"the page {javascript.missing(PACKAGE)}")
    exported = export.export_model(ticket, trace=True, profile="fast")
    files: dict[str, bytes] = {path.name: path.read_bytes() for path in sorted(SITE.iterdir())}
    files["tokenizer.json"] = _json(describe(ticket))
    files["model.onnx"] = export.serialize(exported, "model.onnx")
    files["about.json"] = _json(_about(ticket, name, javascript.version(package)))
    files["vectors.json"] = _json(_vectors(ticket))
    files |= {f"ort/{file}": (package / "dist" / file).read_bytes() for file in RUNTIME}
    for path, content in files.items():
        write_atomic(Path(folder) / path, content)
    return {path: len(content) for path, content in files.items()}


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _about(ticket: Ticket, name: str, runtime: str) -> dict[str, Any]:
    return {
        "name": name,
        "hwsim": f"hwsim {hwsim.__version__}",
        "onnxruntime": runtime,
        "ticket": ticket.digest(),
        "labels": ticket.labels,
        "density": ticket.density,
        "config": dataclasses.asdict(ticket.config) | {"head_width": ticket.config.head_width},
        "layers": [
            {"score_shift": layer.score_shift, "delta": layer.delta.tolist()} for layer in ticket.layers
        ],
        "examples": examples(ticket),
    }


def _vectors(ticket: Ticket) -> list[dict[str, Any]]:
    """Every named tensor of the examples, by the emulator: what the badge compares."""
    made = []
    for text in examples(ticket):
        encoded = encode(ticket, [text])
        trace = model.forward(ticket, encoded.token_ids, encoded.mask, trace=True).trace
        tensors = {name: {"axes": x.shape, "values": x.ravel().tolist()} for name, x in trace.items()}
        made.append({"text": text, "ids": encoded.token_ids[0].tolist(), "tensors": tensors})
    return made
