"""The model card of an exported file: what it is, how to feed it, where it comes from."""

from __future__ import annotations

import json

import onnx

from hwsim.markdown import table
from hwsim.ticket import Ticket

MEANING = {
    "portable": "int32 only, every intermediate below 2^24, exact dividends: for any runtime",
    "fast": "uint8 products and comparisons: for onnxruntime and its relatives only",
}

INTRODUCTION = (
    "A sparse integer Inhibitor Transformer as plain-integer ONNX. Each tensor is the same integer as in the "
    "NumPy emulator of hwsim; the float view of a tensor is value * 2^-f, f under `scales` in the metadata."
)

INPUTS = (
    "`mask` is 1 at real tokens and 0 at padding, at least one 1 a row. The prediction is the first "
    "of the largest logits."
)


def card(model: onnx.ModelProto, ticket: Ticket, name: str, size: int) -> str:
    """Markdown; `name` and `size` in bytes are those of the written file."""
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    config, opset = ticket.config, model.opset_import[0].version
    kinds = sorted({node.op_type for node in model.graph.node})
    rows = [
        ("file", f"{name}, {size:,} bytes, made by {metadata['producer']}"),
        ("part", metadata["part"]),
        ("profile", f"{metadata['profile']}: {MEANING[metadata['profile']]}"),
        ("format", f"{metadata['format']} {metadata['format_version']}"),
        ("operators", f"{len(model.graph.node)} nodes of opset {opset}: {', '.join(kinds)}"),
        ("rounding", f"{metadata['rounding']}: ties go towards plus infinity"),
        ("ticket", f"SHA-256 {metadata['ticket']}"),
        (
            "architecture",
            f"{config.layers} layers, width {config.width}, {config.heads} heads, "
            f"feed-forward {config.hidden}, up to {config.max_tokens} tokens, "
            f"vocabulary {config.vocabulary:,}",
        ),
        ("encoder weights", f"{config.weights}, {ticket.density:.1%} non-zero, {ticket.digits:,} digits"),
        ("labels", ", ".join(ticket.labels) or "none"),
        *((f"metric {metric}", f"{value:.4f}") for metric, value in sorted(ticket.metrics.items())),
    ]
    tensors = [
        (value.name, kind, _shape(value))
        for kind, values in (("input", model.graph.input), ("output", model.graph.output))
        for value in values
    ]
    provenance = json.dumps(ticket.provenance, indent=2, sort_keys=True, ensure_ascii=False)
    return "\n".join(
        [
            f"# {name}",
            "",
            INTRODUCTION,
            "",
            table(("", ""), rows),
            "",
            "## Inputs and outputs",
            "",
            INPUTS,
            "",
            table(("tensor", "", "int32 axes"), tensors),
            "",
            "## Provenance",
            "",
            "```json",
            provenance,
            "```",
            "",
        ]
    )


def _shape(value: onnx.ValueInfoProto) -> str:
    return ", ".join(axis.dim_param or str(axis.dim_value) for axis in value.type.tensor_type.shape.dim)
