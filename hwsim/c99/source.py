"""The text of the C files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hwsim import digits, ranges
from hwsim.config import ModelConfig
from hwsim.errors import HwsimError
from hwsim.ops.manhattan_score import CENTRINGS
from hwsim.ticket import LINEARS, Linear, Ticket

FOLDER = Path(__file__).parent
LAST_BYTE = 1 << 7
PER_LINE = 24


@dataclass(frozen=True)
class Source:
    """A model in C."""

    name: str
    """The prefix of everything it declares."""
    header: str
    source: str
    flash: int
    """Bytes of its constants; code comes on top, `build.sizes` measures it."""
    ram: int
    """sizeof(struct NAME_memory); besides it a run needs a few hundred bytes of stack."""


def generate(ticket: Ticket, name: str = "model") -> Source:
    """NAME.h and NAME.c of a ticket.

    Raises HwsimError for a name that is no C identifier, RangeError if an intermediate is not proved to
    stay within 2^30.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
        raise HwsimError(f"{name!r} is no name for C; use letters, digits and underscores")
    ranges.require(ticket, "int32")
    tables = _Tables(ticket)
    header = _fill((FOLDER / "model.h").read_text(), name, ticket)
    parts = (
        f'/* Written by hwsim from the ticket {ticket.digest()}; do not edit. */\n\n#include "{name}.h"\n',
        _switches(ticket.config),
        TRACE,
        (FOLDER / "operators.h").read_text(),
        "\n".join(tables.lines),
        _fill((FOLDER / "model.c").read_text(), name, ticket),
    )
    return Source(name, header, "\n".join(parts), tables.bytes, memory(ticket.config))


TRACE = """\
#ifdef HWSIM_TRACE
void hwsim_trace(int layer, const char *name, int32_t value);
#define TRACE(layer, name, x, count)               \\
    do {                                           \\
        int element;                               \\
        for (element = 0; element < (count); element++) \\
            hwsim_trace(layer, name, (x)[element]);    \\
    } while (0)
#else
#define TRACE(layer, name, x, count) ((void)0)
#endif
"""


def memory(config: ModelConfig) -> int:
    """Bytes of struct NAME_memory; no member needs padding, since sizes are multiples of 8."""
    n, d = config.max_tokens, config.width
    shared = max(n * d * (config.inhibit_bits // 8 + 3), n * config.hidden, 4 * d)
    return 4 * n + 2 * n * d + shared + n * d + 2 * n


def _fill(text: str, name: str, ticket: Ticket) -> str:
    config = ticket.config
    values = {
        "vocabulary": config.vocabulary,
        "max_tokens": config.max_tokens,
        "classes": config.classes,
        "width": config.width,
        "hidden": config.hidden,
        "inhibited": f"int{config.inhibit_bits}_t",
        "ticket": ticket.digest(),
    }
    for key, value in values.items():
        text = text.replace(f"@{key}@", str(value))
    text = re.sub(r"\bNAME_(?=[A-Z])", f"{name.upper()}_", text)
    return re.sub(r"\bNAME(?=_)", name, text)


def _switches(config: ModelConfig) -> str:
    defines = {
        "WIDTH": config.width,
        "HEADS": config.heads,
        "HEAD_WIDTH": config.head_width,
        "HIDDEN": config.hidden,
        "LAYERS": config.layers,
        "EMBED_SHIFT": config.embed_shift,
        "RESIDUAL_BITS": config.residual_bits,
        "INHIBIT_BITS": config.inhibit_bits,
        "INHIBITED": f"int{config.inhibit_bits}_t",
        "INNER_NORMS": int(config.inner_norms),
        "SIGNED": int(config.inhibition == "signed"),
        "TERNARY": int(config.weights == "ternary"),
        "WEIGHT": "uint8_t" if config.weights == "ternary" else "int8_t",
        **{f"CENTRING_{centring.upper()}": i for i, centring in enumerate(CENTRINGS)},
        "CENTRING": f"CENTRING_{config.centring.upper()}",
    }
    return "".join(f"#define {name} {value}\n" for name, value in defines.items())


def ternary_bytes(weight: np.ndarray) -> np.ndarray:
    """The digit stream of ternary weights, whose entries fit a byte since none doubles: uint8."""
    entries = digits.encode(weight).entries
    last = np.where(entries & digits.LAST, LAST_BYTE, 0)
    return (last | (entries & (digits.SIGN | digits.SKIP))).astype(np.uint8)


class _Tables:
    """The constants as C; `bytes` counts them."""

    def __init__(self, ticket: Ticket) -> None:
        self.lines: list[str] = []
        self.bytes = 0
        self.ternary = ticket.config.weights == "ternary"
        self.array("token_table", ticket.token_table)
        self.array("position_table", ticket.position_table)
        self.array("classify_weight", ticket.classify_weight)
        self.array("classify_bias", ticket.classify_bias)
        rows = []
        for i, layer in enumerate(ticket.layers):
            linears = [self.linear(f"layer{i}_{name}", layer.linears[name]) for name in LINEARS]
            self.array(f"layer{i}_delta", layer.delta)
            shifts = f"{layer.score_shift}, {layer.inhibit_shift}"
            rows.append(f"    {{{', '.join(linears)}, layer{i}_delta, {shifts}}}")
        self.lines += [
            f"struct layer {{\n    struct linear {', '.join(LINEARS)};",
            "    const int32_t *delta;\n    int score_shift, inhibit_shift;\n};\n",
            f"static const struct layer layers[LAYERS] = {{\n{','.join(rows)}\n}};\n",
        ]

    def array(self, name: str, values: np.ndarray) -> None:
        flat = values.ravel().tolist()
        self.bytes += values.nbytes
        lines = (",".join(map(str, flat[at : at + PER_LINE])) for at in range(0, len(flat), PER_LINE))
        # The least int32 has no literal of its own in C.
        text = ",\n".join(lines).replace("-2147483648", "INT32_MIN")
        self.lines.append(f"static const {values.dtype.name}_t {name}[{len(flat)}] = {{\n{text}\n}};\n")

    def linear(self, name: str, linear: Linear) -> str:
        self.array(f"{name}_weight", ternary_bytes(linear.weight) if self.ternary else linear.weight)
        self.array(f"{name}_bias", linear.bias)
        outputs, inputs = linear.weight.shape
        return f"{{{name}_weight, {name}_bias, {inputs}, {outputs}, {linear.shift}}}"
