"""Tables and plots of a record of `hwsim bench cpu`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hwsim.markdown import table
from hwsim.models.bench.timing import OURS

Rows = list[list[str]]


def _cell(times: dict[str, float]) -> str:
    return f"{times['median']:.3g} ({times['q1']:.3g}-{times['q3']:.3g})"


def peers(row: dict[str, Any]) -> list[str]:
    """The names of a row's contenders but ours."""
    return [name for name in row["microseconds"] if name != OURS]


def times_table(rows: list[dict[str, Any]]) -> tuple[list[str], Rows]:
    """Microseconds, median and quartiles, a line a size."""
    names = [OURS, *peers(rows[0])]
    head = ["n", "head width"] if "head_width" in rows[0] else ["n"]
    lines = [
        [str(row[key]) for key in ("n", "head_width") if key in row]
        + [_cell(row["microseconds"][name]) for name in names]
        for row in rows
    ]
    return head + names, lines


def ratios_table(rows: list[dict[str, Any]]) -> tuple[list[str], Rows]:
    """How often ours fits into a peer's time, a line a size."""
    names = peers(rows[0])
    head = ["n", "head width"] if "head_width" in rows[0] else ["n"]
    lines = [
        [str(row[key]) for key in ("n", "head_width") if key in row]
        + [f"{row[f'ratio_to_{name}']:.2f}" for name in names]
        for row in rows
    ]
    return head + names, lines


def operators_table(rows: list[dict[str, Any]]) -> tuple[list[str], Rows]:
    """Microseconds of the whole model's operators."""
    names = list(rows[0]["operators"])
    lines = [[str(row["n"])] + [f"{row['operators'][name]:.3g}" for name in names] for row in rows]
    return ["n", *(name.replace("_", " ") for name in names)], lines


def density_table(rows: list[dict[str, Any]]) -> tuple[list[str], Rows]:
    """Microseconds of an inference by density of the weights."""
    lines = [[str(row["n"]), str(row["density"]), _cell(row["microseconds"])] for row in rows]
    return ["n", "density", OURS], lines


def sections(record: dict[str, Any]) -> list[tuple[str, list[str], Rows]]:
    """(title, column heads, lines) of every table."""
    return [
        ("Attention head, microseconds: median (quartiles)", *times_table(record["heads"])),
        ("Attention head, a peer's time / ours", *ratios_table(record["heads"])),
        ("Whole model, microseconds: median (quartiles)", *times_table(record["models"])),
        ("Whole model, a peer's time / ours", *ratios_table(record["models"])),
        ("Whole model by operator, microseconds", *operators_table(record["models"])),
        ("Whole model by density, microseconds: median (quartiles)", *density_table(record["densities"])),
    ]


def markdown(record: dict[str, Any]) -> str:
    """All tables for the documentation."""
    return "\n\n".join(f"{title}\n\n{table(head, lines)}" for title, head, lines in sections(record))


def plot(record: dict[str, Any], path: Path) -> None:
    """Time of a head against n, ratios against n, the model by operator and by density, as one SVG.

    Raises MissingToolError without matplotlib.
    """
    from hwsim import picture
    from hwsim.errors import MissingToolError

    if why := picture.missing():
        raise MissingToolError(why)
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    with pyplot.rc_context(picture.STYLE):
        figure, ((time, ratio), (split, density)) = pyplot.subplots(
            2, 2, figsize=(11, 8), layout="constrained"
        )
        width = max(row["head_width"] for row in record["heads"])
        rows = [row for row in record["heads"] if row["head_width"] == width]
        lengths = [row["n"] for row in rows]
        for number, name in enumerate((OURS, *peers(rows[0]))):
            # A peer has one colour in both.
            style = {"color": f"C{number}", "label": name, "linewidth": 3 if name == OURS else 1.5}
            time.loglog(lengths, [row["microseconds"][name]["median"] for row in rows], "o-", **style)
            if name != OURS:
                ratio.semilogx(lengths, [row[f"ratio_to_{name}"] for row in rows], "o-", **style)
        ratio.axhline(1, color=picture.MUTED, linestyle=":")
        time.set(title=f"one head, width {width}", xlabel="n", ylabel="microseconds")
        ratio.set(title="a peer's time / ours (above 1: ours is faster)", xlabel="n", ylim=(0, None))
        for axes in (time, ratio):
            axes.legend(fontsize=8)
            axes.set_xticks(lengths, [str(n) for n in lengths])
            axes.set_xticks([], minor=True)
        below = [0.0] * len(record["models"])
        places = [str(row["n"]) for row in record["models"]]
        for part in ("linears", "norms", "attention"):
            values = [row["operators"][part] for row in record["models"]]
            split.bar(places, values, bottom=below, label=part)
            below = [low + value for low, value in zip(below, values, strict=True)]
        split.set(title="whole model by operator", xlabel="n", ylabel="microseconds")
        split.legend(fontsize=8)
        for n in sorted({row["n"] for row in record["densities"]}):
            found = [row for row in record["densities"] if row["n"] == n]
            density.plot(
                [row["density"] for row in found],
                [row["microseconds"]["median"] for row in found],
                "o-",
                label=f"n = {n}",
            )
        density.set(title="whole model by density", xlabel="density of the weights", ylabel="microseconds")
        density.set_ylim(bottom=0)
        density.legend(fontsize=8)
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
        pyplot.close(figure)
