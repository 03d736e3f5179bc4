"""Where the cycles go, and what density changes: one figure of two panels."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from hwsim.accelerator.report import TERMS
from hwsim.errors import HwsimError, MissingToolError
from hwsim.picture import ENDINGS, INK, MUTED, STYLE, missing

COLOURS = dict(zip(TERMS, ("#123a5f", "#5a94bb", "#c98a3b", "#9aa5b1"), strict=True))


def draw(result: dict[str, Any], title: str, path: Path) -> Path:
    """Draw a `report` as .svg or .png.

    Raises HwsimError for another ending, MissingToolError without matplotlib.
    """
    if reason := missing():
        raise MissingToolError(reason)
    if path.suffix not in ENDINGS:
        raise HwsimError(f"{path}: a picture ends in {' or '.join(ENDINGS)}")
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(11, 5), layout="constrained")
        left, right = figure.subplots(1, 2)
        figure.suptitle(title)
        bars = _by_tensor(result)
        names = list(dict.fromkeys(name for name, _ in bars))
        left.barh([name for name, _ in bars], list(bars.values()), color=[COLOURS[term] for _, term in bars])
        left.set_ylim(len(names) - 0.5, -0.5)
        left.set_xlabel(f"clock cycles of {result['cycles']:,}, {result['tokens']} tokens, all layers")
        densities = [row["density"] for row in result["curve"]]
        for term in TERMS:
            right.plot(densities, [row[term] for row in result["curve"]], color=COLOURS[term], label=term)
        right.set(xscale="log", yscale="log", xlabel="density of ternary weights", ylabel="clock cycles")
        right.legend(frameon=False)
        for axes in (left, right):
            axes.spines[["top", "right"]].set_visible(False)
            axes.tick_params(colors=MUTED, labelcolor=INK)
        figure.savefig(path)
    return path


def _by_tensor(result: dict[str, Any]) -> Counter[tuple[str, str]]:
    """Cycles by (last part of the tensor's name, term), summed over layers and heads, in running order."""
    bars: Counter[tuple[str, str]] = Counter()
    for one in result["operations"]:
        name = one["tensor"].rsplit(".", 1)[-1] or one["operation"].split()[0]
        bars[name, one["term"]] += one["cycles"]
    return bars
