"""Makes the tables of docs/science.md and its figures from models/results/science: python docs/science.py."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hwsim.files import write_atomic
from hwsim.models.science import plot, records
from hwsim.models.science.records import Record
from hwsim.models.science.table import table
from hwsim.synth.table import fill

DOCS = Path(__file__).parent
PAGE, RECORDS, IMAGES = DOCS / "science.md", DOCS.parent / "models" / "results" / "science", "images/science"
ALL = ("decisions", "pooled")
"""Tables of all tasks together; the others stand in the part of each task."""
OF_A_TASK = {
    "ladder": "Ladder",
    "controls": "Tickets against controls",
    "others": "Other methods and cells",
    "overlaps": "Overlap of masks",
    "barriers": "Stability at the rewind point",
    "cost": "Cost",
}
FIGURES = {
    (metric, axis): f"{metric} against {name}"
    for axis, name in (("density", "density"), ("bits", "encoder bits"), ("digits", "signed digits a token"))
    for metric in plot.METRICS
}


def found() -> list[Record]:
    """The committed records."""
    return records.read(RECORDS) if any(RECORDS.glob("*.json")) else []


def markdown(name: str, those: Sequence[Record]) -> str:
    """A table; empty if it has no row."""
    heads, rows = table(name).shown(those, page=True)
    rule = ["---:" if head.startswith(">") else "---" for head in heads]
    lines = [[head.lstrip(">") for head in heads], rule, *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) if rows else ""


def figures(those: Sequence[Record]) -> dict[str, tuple[str, str]]:
    """(metric, axis) of every figure of a task that has something to show, by file name."""
    task = those[0]["task"]
    return {
        f"{task}-{metric}-{axis}.svg": (metric, axis)
        for metric, axis in FIGURES
        if plot.drawable(those, axis)
    }


def section(those: Sequence[Record]) -> str:
    """What is said of one task."""
    parts = [f"### {those[0]['task']}"]
    for file, kind in figures(those).items():
        parts.append(f"![{those[0]['task']}: {FIGURES[kind]}]({IMAGES}/{file})")
    for name, title in OF_A_TASK.items():
        if made := markdown(name, those):
            parts += [f"**{title}**", made]
    return "\n\n".join(parts)


def by_task(those: Sequence[Record]) -> list[list[Record]]:
    """The records of each task."""
    tasks = dict.fromkeys(record["task"] for record in those)
    return [[record for record in those if record["task"] == task] for task in tasks]


def tables(those: Sequence[Record]) -> dict[str, str]:
    """The made parts of the page, by marker."""
    made = {name: markdown(name, those) for name in ALL}
    made["tasks"] = "\n\n".join(section(part) for part in by_task(those))
    return {name: text or "No records yet." for name, text in made.items()}


def draw(those: Sequence[Record], docs: Path = DOCS) -> None:
    """All figures."""
    for part in by_task(those):
        for file, (metric, axis) in figures(part).items():
            plot.draw(part, docs / IMAGES / file, metric, axis)


if __name__ == "__main__":
    committed = found()
    draw(committed)
    write_atomic(PAGE, fill(PAGE.read_text(), tables(committed)))
