"""Rows over their seeds, as a Markdown table or as points to plot."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Any

from hwsim import markdown
from hwsim.errors import HwsimError
from hwsim.models.results.records import Record
from hwsim.onnx_export.profiles import PROFILES


@dataclass(frozen=True)
class Summary:
    """A row over its seeds."""

    row: str
    seeds: int
    scores: dict[str, tuple[float, float | None]]
    """(mean, standard deviation over seeds) by `split metric`; no deviation for one seed."""
    density: float | None
    seconds: float | None
    cost: dict[str, Any] | None
    """Of the first seed; the seeds of a row have one shape."""
    exact: list[dict[str, Any]]
    """Of the seeds whose tickets were judged (`hwsim.models.results.exact`)."""


def summarise(records: list[Record]) -> list[Summary]:
    """One summary a row, in the order of first mention."""
    made = []
    for row in dict.fromkeys(record["row"] for record in records):
        own = [record for record in records if record["row"] == row]
        values: dict[str, list[float]] = {}
        for record in own:
            for split in ("dev", "test"):
                for metric, value in record.get(split, {}).items():
                    values.setdefault(f"{split} {metric}", []).append(value)
        costs = [record["cost"] for record in own if record.get("cost")]
        made.append(
            Summary(
                row,
                len(own),
                {
                    n: (statistics.mean(v), statistics.stdev(v) if len(v) > 1 else None)
                    for n, v in values.items()
                },
                _mean([record["density"] for record in own if record.get("density") is not None]),
                _mean([record["seconds"] for record in own if record.get("seconds") is not None]),
                costs[0] if costs else None,
                [record["exact"] for record in own if "exact" in record],
            )
        )
    return made


def _mean(values: list[float]) -> float | None:
    return statistics.mean(values) if values else None


COSTS = (
    ("parameters", "parameters"),
    ("digits", "nonzero_digits"),
    ("adds/token", "adds_per_token"),
    ("mult./token", "multiplies_per_token"),
    ("activation bytes", "activation_bytes"),
)


PLAIN = {"mean_squared_error": (1, 4), "teacher_divergence": (1, 3)}
"""(factor, decimals) of what is not shown in percent."""


def table(records: list[Record]) -> str:
    """A Markdown table, a row a summary; accuracies and correlations times 100, mean ± deviation."""
    rows = summarise(records)
    scores = list(dict.fromkeys(name for row in rows for name in row.scores))
    heads = ["model", "seeds", *scores, "density", *(head for head, _ in COSTS)]
    heads += ["encoder KiB (weights + mask)", "mask entropy KiB", "nJ/token, reads included"]
    heads += ["int8 dot product's energy / this", "device s"]
    judged = any(row.exact for row in rows)
    heads += ["exact on dev"] * judged
    lines = []
    for row in rows:
        cost = row.cost["ticket"] if row.cost else None
        cells = [row.row, str(row.seeds), *(_score(name, row.scores.get(name)) for name in scores)]
        cells.append("-" if row.density is None else f"{100 * row.density:.1f} %")
        if cost:
            energy, bits = cost["nanojoules_per_token"], cost["bits"]
            cells += [f"{cost[name]:,.0f}" for _, name in COSTS]
            cells += [
                f"{(bits['weights'] + bits['mask']) / 8192:,.1f}",
                f"{bits['mask_entropy'] / 8192:,.1f}",
            ]
            cells.append(f"{energy['total_once']:,.3g} to {energy['total_each_use']:,.3g}")
            # A row of a dot-product model has no other beside it.
            ratio = row.cost.get("int8_over_ticket") if row.cost else None
            cells.append(f"{ratio['total_once']:.1f}, {ratio['total_each_use']:.1f}" if ratio else "-")
        else:
            cells += ["-"] * (len(COSTS) + 4)
        cells.append("-" if row.seconds is None else f"{row.seconds:,.0f}")
        if judged:
            cells.append(_exact(row))
        lines.append(cells)
    return markdown.table(heads, lines)


def _exact(row: Summary) -> str:
    """On how many examples of dev the fewest are equal in a profile, and of how many seeds it is known."""
    if not row.exact:
        return "-"
    if not all(found["range"] for found in row.exact):
        return "may overflow"
    fewest = min(found[profile] for found in row.exact for profile in PROFILES)
    seeds = "" if len(row.exact) == row.seeds else f", {len(row.exact)} of {row.seeds} seeds"
    first = row.exact[0]
    more = f"; dev has {first['dev']:,}" if "dev" in first else ""
    return f"{fewest} of {first['examples']}{seeds}{more}"


def _score(name: str, value: tuple[float, float | None] | None) -> str:
    if value is None:
        return "-"
    mean, deviation = value
    factor, digits = PLAIN.get(name.split()[-1], (100, 1))
    spread = "" if deviation is None else f" ± {factor * deviation:.{digits}f}"
    return f"{factor * mean:.{digits}f}{spread}"


def points(records: list[Record], axis: str) -> list[tuple[str, float, float, float | None]]:
    """(row, x, mean score, deviation) of the rows that have the axis; the score is the first of dev."""
    made = []
    for row in summarise(records):
        cost = row.cost["ticket"] if row.cost else {}
        x = {
            "density": row.density,
            "adds_per_token": cost.get("adds_per_token"),
            "energy": cost.get("nanojoules_per_token", {}).get("total_once"),
        }
        if axis not in x:
            raise HwsimError(f"axis {axis!r}; choose one of {', '.join(x)}")
        if (found := x[axis]) is not None:
            made.append((row.row, found, *next(iter(row.scores.values()))))
    return made
