"""The ticket file: one safetensors file, schema version 1. No pickle, nothing executed on load.

Tensors: `embed.token`, `embed.position` and `classify.weight` int8; `classify.bias`, `layers.i.delta`
and `layers.i.NAME.bias` int32; per linear layer NAME a `mask` (one bit a weight, row by row, first
weight in bit 0) and the `digits` of the weights the mask keeps (two bits a digit, 0, 1 for +1 or 2 for
-1; per weight plane 0 first); `tokenizer`, JSON text as bytes. One metadata key, `hwsim`, holds JSON
with `format`, `version`, `config`, `shifts`, `labels`, `provenance` and `metrics`.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from hwsim import digits, tickets
from hwsim.config import ModelConfig
from hwsim.errors import ConfigError, HwsimError, TicketError
from hwsim.files import write_atomic
from hwsim.ticket import LINEARS, Layer, Linear, Ticket, linear_shape

FORMAT, VERSION = "hwsim-ticket", 1
SIZE_LIMIT = 256 << 20
TOKENIZER_LIMIT = 16 << 20


def pack(weight: np.ndarray, limit: int) -> tuple[np.ndarray, np.ndarray]:
    """(mask, digits) of int8 weights, both packed uint8, as described above."""
    kept = weight.ravel() != 0
    codes = to_codes(digits.to_digits(weight.ravel()[kept], limit).T.ravel())
    return np.packbits(kept, bitorder="little"), codes


def to_codes(values: np.ndarray) -> np.ndarray:
    """Four digits a byte, the first in the low bits."""
    codes = np.where(values < 0, 2, values).astype(np.uint8)
    quads = np.pad(codes, (0, -len(codes) % 4)).reshape(-1, 4)
    return (quads << np.array([0, 2, 4, 6], np.uint8)).sum(axis=1, dtype=np.uint8)


def unpack(name: str, mask: np.ndarray, codes: np.ndarray, shape: tuple[int, int], limit: int) -> np.ndarray:
    """The int8 weights of `pack`; raises TicketError naming the tensor if they are not canonical."""
    size, planes = math.prod(shape), digits.planes(limit)
    bits = np.unpackbits(mask, bitorder="little").astype(bool)
    if bits[size:].any():
        raise TicketError(f"{name}.mask has bits set behind its last weight")
    kept = bits[:size]
    wanted = -(-int(kept.sum()) * planes // 4)
    if codes.shape != (wanted,):
        raise TicketError(
            f"{name}.digits has {len(codes)} bytes; its mask keeps {kept.sum()} weights: {wanted}"
        )
    values = ((codes[:, None] >> np.array([0, 2, 4, 6], np.uint8)) & 3).ravel()
    values, rest = values[: int(kept.sum()) * planes], values[int(kept.sum()) * planes :]
    if (values == 3).any() or rest.any():
        raise TicketError(f"{name}.digits holds a code that is no digit")
    try:
        signed = np.where(values == 2, np.int8(-1), values.astype(np.int8))
        values = digits.from_digits(signed.reshape(-1, planes).T)
    except TicketError:
        raise
    except HwsimError as error:
        raise TicketError(f"{name}.digits: {error}") from error
    if not values.all():
        raise TicketError(f"{name}.digits gives a kept weight the value 0; clear its mask bit instead")
    weight = np.zeros(size, np.int8)
    weight[kept] = values
    return weight.reshape(shape)


def save_ticket(ticket: Ticket, path: str | os.PathLike[str]) -> Path:
    """Write the ticket file; the same ticket gives the same bytes."""
    tensors = {name: t for name, t in ticket.tensors().items() if not name.endswith(".weight")}
    tensors["classify.weight"] = ticket.classify_weight
    for name, linear in ticket.encoder():
        tensors[f"{name}.mask"], tensors[f"{name}.digits"] = pack(linear.weight, ticket.config.weight_limit)
    tensors["tokenizer"] = np.frombuffer(ticket.tokenizer.encode(), np.uint8)
    header = {
        "format": FORMAT,
        "version": VERSION,
        "config": dataclasses.asdict(ticket.config),
        "shifts": ticket.shifts(),
        "labels": list(ticket.labels),
        "provenance": ticket.provenance,
        "metrics": ticket.metrics,
    }
    try:
        text = json.dumps(header, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise TicketError(f"provenance and metrics must be finite JSON values ({error})") from error
    contiguous = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    return write_atomic(path, save(contiguous, {"hwsim": text}))


def load_ticket(path: str | os.PathLike[str]) -> Ticket:
    """Read and check a ticket, given its file or the name of a shipped one (`hwsim.tickets`).

    Raises TicketError naming the file, the tensor or field and what was expected for anything that is
    not exactly a version 1 ticket: damage, wrong keys, shapes, dtypes or ranges, hostile sizes.
    """
    path = tickets.find(path)
    try:
        if path.stat().st_size > SIZE_LIMIT:
            raise TicketError(f"the file has {path.stat().st_size} bytes; the limit is {SIZE_LIMIT}")
        with safe_open(path, framework="numpy") as file:
            return _read(file)
    except (SafetensorError, OSError) as error:
        raise TicketError(f"{path}: not a readable safetensors file ({error})") from error
    except (TicketError, ConfigError) as error:
        raise TicketError(f"{path}: {error}") from error


def _header(text: str | None) -> dict[str, Any]:
    if text is None:
        raise TicketError("the metadata has no key 'hwsim'; this is not a ticket")
    try:
        header = json.loads(text, parse_constant=_finite, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise TicketError(f"the metadata is not valid JSON ({error})") from error
    expected = {
        "format": str,
        "version": int,
        "config": dict,
        "shifts": list,
        "labels": list,
        "provenance": dict,
        "metrics": dict,
    }
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise TicketError(f"the metadata does not say format {FORMAT!r}")
    if type(header.get("version")) is not int or header["version"] != VERSION:
        raise TicketError(
            f"the ticket has version {header.get('version')!r}; this hwsim reads version {VERSION}"
        )
    if set(header) != set(expected):
        raise TicketError(f"the metadata has keys {sorted(header)}; expected {sorted(expected)}")
    for key, kind in expected.items():
        if not isinstance(header[key], kind):
            raise TicketError(f"metadata {key} is a {type(header[key]).__name__}; expected a {kind.__name__}")
    if not all(isinstance(label, str) for label in header["labels"]):
        raise TicketError("metadata labels must be text")
    for name, value in header["metrics"].items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > 1e300:
            raise TicketError(f"metric {name} is not a finite number")
    return header


def _finite(text: str) -> float:
    """JSON numbers: Python reads NaN, Infinity and 1e999 without complaint."""
    if not math.isfinite(value := float(text)):
        raise ValueError(f"{text} is not a finite number")
    return value


def _shifts(values: Any, layer: int) -> dict[str, int]:
    expected = {*LINEARS, "score", "inhibit"}
    if not isinstance(values, dict) or set(values) != expected:
        raise TicketError(f"shifts of layer {layer} must name exactly {sorted(expected)}")
    return values


def _read(file: Any) -> Ticket:
    header = _header((file.metadata() or {}).get("hwsim"))
    config = ModelConfig.from_dict(header["config"])
    if len(header["shifts"]) != config.layers:
        raise TicketError(f"metadata shifts has {len(header['shifts'])} layers; config says {config.layers}")
    keys = set(file.keys())
    used: set[str] = set()

    def tensor(name: str, dtype: str, shape: tuple[int, ...] | None, most: int = 0) -> np.ndarray:
        # Shape and dtype are read from the header first, so a hostile size is never allocated.
        if name not in keys:
            raise TicketError(f"tensor {name} is missing")
        used.add(name)
        part = file.get_slice(name)
        if part.get_dtype() != dtype:
            raise TicketError(f"{name} has dtype {part.get_dtype()}; expected {dtype}")
        found = tuple(part.get_shape())
        if found != shape if shape is not None else len(found) != 1 or found[0] > most:
            raise TicketError(f"{name} has shape {found}; expected {shape or f'at most ({most},)'}")
        return np.array(file.get_tensor(name))

    def linear(name: str, shape: tuple[int, int], shift: int) -> Linear:
        size = math.prod(shape)
        mask = tensor(f"{name}.mask", "U8", (-(-size // 8),))
        codes = tensor(f"{name}.digits", "U8", None, size * digits.planes(config.weight_limit))
        bias = tensor(f"{name}.bias", "I32", shape[:1])
        return Linear(unpack(name, mask, codes, shape, config.weight_limit), bias, shift)

    layers = []
    for i in range(config.layers):
        shifts = _shifts(header["shifts"][i], i)
        linears = {
            name: linear(f"layers.{i}.{name}", linear_shape(config, name), shifts[name]) for name in LINEARS
        }
        delta = tensor(f"layers.{i}.delta", "I32", (config.heads,))
        layers.append(Layer(linears, delta, shifts["score"], shifts["inhibit"]))
    try:
        tokenizer = tensor("tokenizer", "U8", None, TOKENIZER_LIMIT).tobytes().decode()
    except UnicodeDecodeError as error:
        raise TicketError(f"tokenizer is not UTF-8 text ({error})") from error
    ticket = Ticket(
        config=config,
        token_table=tensor("embed.token", "I8", (config.vocabulary, config.width)),
        position_table=tensor("embed.position", "I8", (config.max_tokens, config.width)),
        layers=tuple(layers),
        classify_weight=tensor("classify.weight", "I8", (config.classes, config.width)),
        classify_bias=tensor("classify.bias", "I32", (config.classes,)),
        labels=tuple(header["labels"]),
        tokenizer=tokenizer,
        provenance=header["provenance"],
        metrics={name: float(value) for name, value in header["metrics"].items()},
    )
    if unknown := sorted(keys - used):
        raise TicketError(f"tensor {unknown[0]} is not part of a version {VERSION} ticket")
    return ticket
