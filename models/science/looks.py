"""Colours, shapes, line styles and names: which points of a figure are which."""

from __future__ import annotations

from dataclasses import dataclass

from hwsim.models.science.points import CONTROLS
from hwsim.picture import INK


@dataclass(frozen=True)
class Look:
    """Of the points that one label names."""

    colour: str
    marker: str
    style: str = "none"
    """Of the line from point to point."""


# Okabe and Ito's colours, made for every kind of colour vision; shapes and styles repeat what colours say.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a6d00", "#6f6f6f")
SHAPES = ("o", "s", "D", "^", "v", "P", "X", "<", ">")
STYLES = ("-", "--", "-.")
TICKETS = Look(INK, "o", "-")
STRONG = {"edge_popup": Look(COLOURS[0], "d", ":"), "signed_supermask": Look(COLOURS[1], "h", ":")}
"""Weights that are never trained are dotted everywhere."""
BESIDE = {
    method: Look(colour, marker) for method, colour, marker in zip(CONTROLS, COLOURS, SHAPES[1:], strict=True)
} | STRONG
"""What stands beside tickets of the same density, by method."""
LINES = (
    "ternary",
    "ternary, distilled",
    "float inhibitor",
    "float dot",
    "int4",
    "ternary, global",
    "ternary, rate",
    "ternary, step",
    "ternary, wide",
)
"""Those of the protocol, which look alike on every task; others follow."""
NAMES = {
    "shuffle": "mask shuffled in layers",
    "random_global": "random mask",
    "reinit": "weights drawn anew",
    "sign": "signs kept",
    "magnitude": "magnitudes kept",
    "small_dense": "small dense model",
    "long_dense": "dense, all steps",
    "pruned_finetuned": "pruned, fine-tuned",
    "edge_popup": "edge popup, never trained",
    "signed_supermask": "signed supermask, never trained",
}


def of_line(number: int) -> Look:
    """The look of a line among others: with every round of the colours the style changes."""
    style = STYLES[number // len(COLOURS) % len(STYLES)]
    return Look(COLOURS[number % len(COLOURS)], SHAPES[number % len(SHAPES)], style)


def of_strong(method: str, number: int) -> Look:
    """The look of strong tickets among others, such as those of other widths."""
    return Look(COLOURS[number % len(COLOURS)], STRONG[method].marker, STRONG[method].style)
