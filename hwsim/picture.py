"""A picture of who inhibits whom: tokens against tokens, one panel a head, the inhibition as shade."""

from __future__ import annotations

import importlib.util
import os
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hwsim.errors import HwsimError, MissingToolError
from hwsim.model import Trace
from hwsim.ops.manhattan_score import LARGEST_SCORE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ENDINGS = (".svg", ".png")
INK, MUTED = "#1d2733", "#5b6876"
# One hue from paper to ink: lightness alone carries the value, so every kind of colour vision reads it.
SHADES = ("#f6f8fa", "#d5e4ef", "#9fc3da", "#5a94bb", "#2a628f", "#123a5f", "#0a1f38")
# svg.fonttype none keeps the tokens as text: smaller, searchable, readable by a screen reader.
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "hwsim",
    "font.family": "DejaVu Sans",
    "text.color": INK,
}


def missing() -> str | None:
    """Why no picture can be drawn here and how to change that; None if it can."""
    if importlib.util.find_spec("matplotlib") is None:
        return "matplotlib is not installed; pip install 'hwsim[plots]'"
    return None


def layer_scores(trace: Trace, sentence: int, real: np.ndarray) -> list[np.ndarray]:
    """Per layer, the scores [heads, n, n] of one sentence among its real tokens (bool [tokens])."""
    layers = sum(name.endswith(".score") for name in trace)
    return [trace[f"layers.{i}.score"][sentence][:, real][:, :, real] for i in range(layers)]


def draw(
    scores: Sequence[np.ndarray], pieces: Sequence[str], title: str, path: str | os.PathLike[str]
) -> Path:
    """Draw the inhibition of one sentence and write it as SVG or PNG, by the ending of `path`.

    scores: per layer int8 [heads, n, n] in 0..127 (rows are queries, columns keys), real tokens only;
    pieces: the n token texts; title: the sentence and what was made of it.
    Raises MissingToolError without matplotlib, HwsimError for another ending or sizes that do not fit.
    """
    path = Path(path)
    if path.suffix.lower() not in ENDINGS:
        raise HwsimError(f"{path}: a picture ends in {' or '.join(ENDINGS)}")
    tokens = len(pieces)
    if not scores or any(score.ndim != 3 or score.shape[1:] != (tokens, tokens) for score in scores):
        shapes = [score.shape for score in scores]
        raise HwsimError(f"scores {shapes} and {tokens} pieces do not fit; scores are [heads, n, n] a layer")
    if reason := missing():
        raise MissingToolError(reason)

    import matplotlib as mpl

    with mpl.rc_context(STYLE):
        figure = _figure(scores, [_label(piece) for piece in pieces], title)
        path.parent.mkdir(parents=True, exist_ok=True)
        # No date in the file: the same sentence gives the same bytes.
        metadata: dict[str, Any] = {"Date": None} if path.suffix.lower() == ".svg" else {}
        figure.savefig(path, dpi=150, facecolor="white", metadata=metadata)
    return path


def _label(piece: str) -> str:
    return piece if len(piece) <= 14 else piece[:13] + "…"


def _figure(scores: Sequence[np.ndarray], labels: list[str], title: str) -> Figure:
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure

    layers, heads, tokens = len(scores), scores[0].shape[0], len(labels)
    # Everything is placed in inches, so that labels never touch whatever the number of tokens.
    panel = min(max(1.6, 0.3 * tokens), max(2.4, 0.12 * tokens))
    font = min(9.0, 0.78 * 72 * panel / tokens)
    label = 0.2 + max(map(len, labels)) * font * 0.6 / 72
    gap, row = 0.24, panel + 0.36
    wide = max(label + heads * (panel + gap), label + 6.4)
    big = max(1.0, wide / 14)
    lines = textwrap.wrap(title, int((wide - label) / (0.125 * big)))
    above = (0.35 + 0.26 * len(lines) + 0.62) * big + 0.2
    high = above + layers * row + label
    figure = Figure(figsize=(wide, high))
    colours = LinearSegmentedColormap.from_list("inhibition", SHADES)

    def place(x: float, top: float, w: float, h: float) -> Axes:
        return figure.add_axes((x / wide, 1 - (top + h) / high, w / wide, h / high))

    def write(x: float, top: float, text: str, size: float, colour: str = MUTED, **style: Any) -> None:
        at = (x / wide, 1 - top / high)
        figure.text(*at, text, size=size * big, color=colour, va="top", parse_math=False, **style)

    for layer, heads_of_layer in enumerate(scores):
        for head, score in enumerate(heads_of_layer):
            axes = place(label + head * (panel + gap), above + layer * row, panel, panel)
            image = axes.imshow(score, cmap=colours, vmin=0, vmax=LARGEST_SCORE, interpolation="nearest")
            axes.set_title(
                f"layer {layer}, head {head}", size=8.5 * min(big, 1.5), color=MUTED, pad=4, loc="left"
            )
            _decorate(axes, labels, font, left=head == 0, bottom=layer == layers - 1)
    write(label, 0.2 * big, "\n".join(lines), 13, INK, weight="bold", linespacing=1.3)
    below = 0.3 + 0.26 * len(lines)
    write(label, below * big, "Dark: the row's token does not hear the column's token.", 9)
    write(label, (below + 0.25) * big, "0: heard in full", 8)
    bar = place(label + 1.0 * big, (below + 0.26) * big, 1.6 * big, 0.12 * big)
    figure.colorbar(image, cax=bar, orientation="horizontal", ticks=[]).outline.set_visible(False)
    write(label + 2.68 * big, (below + 0.25) * big, f"{LARGEST_SCORE}: silenced", 8)
    return figure


def _decorate(axes: Axes, labels: list[str], font: float, *, left: bool, bottom: bool) -> None:
    ticks = range(len(labels))
    axes.set_yticks(ticks, labels if left else [], fontsize=font, parse_math=False)
    axes.set_xticks(ticks, labels if bottom else [], fontsize=font, rotation=90, parse_math=False)
    axes.tick_params(length=0, pad=3, labelcolor=INK)
    # Thin paper-coloured lines part the cells while these are large enough to bear them.
    if len(labels) <= 32:
        edges = np.arange(len(labels) + 1) - 0.5
        axes.set_xticks(edges, minor=True)
        axes.set_yticks(edges, minor=True)
        axes.grid(which="minor", color="white", linewidth=0.6)
        axes.tick_params(which="minor", length=0)
    for spine in axes.spines.values():
        spine.set_color("#c9d2db")
        spine.set_linewidth(0.6)
