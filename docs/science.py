"""Makes the tables and figures of docs/science.md and a page of tables for each task: python docs/science.py.

All is made from models/results/science.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hwsim import markdown
from hwsim.files import write_atomic
from hwsim.models.science import plot, records
from hwsim.models.science.records import Record
from hwsim.models.science.table import table

DOCS = Path(__file__).parent
PAGE, RECORDS, IMAGES = DOCS / "science.md", DOCS.parent / "models" / "results" / "science", "images/science"
ALL = ("decisions", "pooled", "empty", "dense")
"""Tables of all tasks together; the others stand on the page of each task."""
OF_A_TASK = {
    "ladder": "Ladder",
    "controls": "Tickets against controls",
    "others": "Other methods and cells",
    "distillation": "Distillation loss",
    "attention": "Inhibitor against dot product",
    "layers": "Densities of layers",
    "overlaps": "Overlap of masks",
    "barriers": "Stability at the rewind point",
    "cost": "Cost",
}
NOTES = {
    "attention": "What the float ticket gains over its dense model with inhibitor attention, less what that"
    " of the same density gains with the dot product.",
    "distillation": "How far answers to dev are from the teacher's: the mean Kullback-Leibler divergence, in"
    " the cell that learns from labels and a teacher. Intervals over seeds; nothing is decided by them.",
    "layers": "Means over seeds, with the rule `magnitude_global`. With the rule `magnitude`, as in all other"
    " lines, every layer has the rung's density.",
}
"""What stands before a table."""
FIGURES = {
    (metric, axis): f"{metric} against {name}"
    for axis, name in (("density", "density"), ("bits", "encoder bits"), ("digits", "signed digits a token"))
    for metric in plot.METRICS
}


def found() -> list[Record]:
    """The committed records."""
    return records.read(RECORDS) if any(RECORDS.glob("*.json")) else []


def made(name: str, those: Sequence[Record]) -> str:
    """A table; empty if it has no row."""
    heads, rows = table(name).shown(those, page=True)
    return markdown.table(heads, rows) if rows else ""


def figures(those: Sequence[Record]) -> dict[str, tuple[str, str]]:
    """(metric, axis) of every figure of a task that has something to show, by file name."""
    task = those[0]["task"]
    return {
        f"{task}-{metric}-{axis}.svg": (metric, axis)
        for metric, axis in FIGURES
        if plot.drawable(those, axis)
    }


def section(those: Sequence[Record]) -> str:
    """What is shown of one task beside its page."""
    task = those[0]["task"]
    parts = [f"### {task}", f"All tables: []({page_of(task)})."]
    for file, kind in figures(those).items():
        parts.append(f"![{task}: {FIGURES[kind]}]({IMAGES}/{file})")
    return "\n\n".join(parts)


def page_of(task: str) -> str:
    """The file name of a task's page."""
    return f"science_{task}.md"


def pages(those: Sequence[Record]) -> dict[str, str]:
    """The page of each task, by file name."""
    return {page_of(part[0]["task"]): _page(part) for part in by_task(those)}


def _page(those: Sequence[Record]) -> str:
    parts = [
        f"# Ticket experiments on {those[0]['task']}",
        "Made by `python docs/science.py`; [](science.md) says how to read it, and shows the figures.",
    ]
    for name, title in OF_A_TASK.items():
        if text := made(name, those):
            parts += [f"## {title}", *([NOTES[name]] if name in NOTES else []), text]
    return "\n\n".join(parts) + "\n"


def by_task(those: Sequence[Record]) -> list[list[Record]]:
    """The records of each task."""
    tasks = dict.fromkeys(record["task"] for record in those)
    return [[record for record in those if record["task"] == task] for task in tasks]


def tables(those: Sequence[Record]) -> dict[str, str]:
    """The made parts of the page, by marker."""
    texts = {name: made(name, those) for name in ALL}
    texts["tasks"] = "\n\n".join(section(part) for part in by_task(those))
    return {name: text or "No records yet." for name, text in texts.items()}


def draw(those: Sequence[Record], docs: Path = DOCS) -> None:
    """All figures."""
    for part in by_task(those):
        for file, (metric, axis) in figures(part).items():
            plot.draw(part, docs / IMAGES / file, metric, axis)


if __name__ == "__main__":
    committed = found()
    draw(committed)
    for name, text in pages(committed).items():
        write_atomic(DOCS / name, text)
    write_atomic(PAGE, markdown.fill(PAGE.read_text(), tables(committed)))
