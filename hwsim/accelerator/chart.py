"""Where the cycles go, how near they are to the roof, what density changes: one figure of three panels."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from hwsim.accelerator.report import ENTRY_BITS, TERMS
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
        figure = Figure(figsize=(16, 5), layout="constrained")
        left, middle, right = figure.subplots(1, 3)
        figure.suptitle(title)
        bars = _by_tensor(result)
        names = list(dict.fromkeys(name for name, _ in bars))
        left.barh([name for name, _ in bars], list(bars.values()), color=[COLOURS[term] for _, term in bars])
        left.set_ylim(len(names) - 0.5, -0.5)
        left.set_xlabel(f"clock cycles of {result['cycles']:,}, {result['tokens']} tokens, all layers")
        _draw_roofline(middle, result)
        densities = [row["density"] for row in result["curve"]]
        for term in TERMS:
            right.plot(densities, [row[term] for row in result["curve"]], color=COLOURS[term], label=term)
        right.set(xscale="log", yscale="log", xlabel="density of ternary weights", ylabel="clock cycles")
        right.legend(frameon=False)
        for axes in (left, middle, right):
            axes.spines[["top", "right"]].set_visible(False)
            axes.tick_params(colors=MUTED, labelcolor=INK)
        figure.savefig(path)
    return path


def _by_tensor(result: dict[str, Any]) -> Counter[tuple[str, str]]:
    """Cycles by (last part of the tensor's name, term), summed over layers and heads, in running order."""
    bars: Counter[tuple[str, str]] = Counter()
    for one in result["operations"]:
        bars[_bar(one)] += one["cycles"]
    return bars


def _bar(one: dict[str, Any]) -> tuple[str, str]:
    """Which bar an operation belongs to."""
    return one["tensor"].rsplit(".", 1)[-1] or one["operation"].split()[0], one["term"]


def _draw_roofline(axes: Any, result: dict[str, Any]) -> None:
    """Additions a clock over additions a byte read, a point for each bar, under what the machine allows.

    A lane adds once a clock at most, and a clock brings a row of A, a row of S and a weight entry at most.
    """
    lanes = result["parameters"]["Lanes"]
    bandwidth = 3 * lanes + ENTRY_BITS / 8
    for (_, term), (cycles, added, read) in roofline(result).items():
        axes.plot(added / read, added / cycles, "o", color=COLOURS[term])
    intensity = [lanes / bandwidth / 4, lanes / bandwidth, 4]
    axes.plot(intensity, [min(lanes, bandwidth * x) for x in intensity], color=MUTED)
    axes.set(
        xscale="log", yscale="log", xlabel="additions a byte read", ylabel="additions a clock, all lanes"
    )


def roofline(result: dict[str, Any]) -> dict[tuple[str, str], tuple[int, int, float]]:
    """(cycles, additions of all lanes, bytes read) by bar, of those that add operands."""
    lanes = result["parameters"]["Lanes"]
    points: dict[tuple[str, str], tuple[int, int, float]] = {}
    for one in result["operations"]:
        read = lanes * (one["reads_a"] + 2 * one["reads_s"]) + ENTRY_BITS / 8 * one["entries"]
        if one["term"] != "transfer":
            key = _bar(one)
            cycles, added, bytes_ = points.get(key, (0, 0, 0.0))
            points[key] = cycles + one["cycles"], added + lanes * one["steps"], bytes_ + read
    return points
