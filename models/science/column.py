"""What a table is: rows from records, and the columns in which they are shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hwsim.models.science import shown
from hwsim.models.science.records import Record
from hwsim.models.science.rows import Row


@dataclass(frozen=True)
class Column:
    """One column."""

    head: str
    """With `>` before it if right-aligned."""
    key: str
    """Of the rows."""
    show: Callable[[Any], str] = str
    page: bool = False
    """Whether only pages have room for it; a terminal has not."""


@dataclass(frozen=True)
class Table:
    """Rows from records, and columns to show them in."""

    rows: Callable[[Sequence[Record]], list[Row]]
    columns: tuple[Column, ...]
    needs: str
    """Which records have a row."""
    more: Callable[[Sequence[Row]], Sequence[Column]] = lambda rows: ()
    """Further columns, which depend on the rows."""

    def shown(self, records: Sequence[Record], page: bool = False) -> tuple[list[str], list[list[str]]]:
        """Heads, and the cells of every row."""
        rows = self.rows(records)
        columns = [column for column in (*self.columns, *self.more(rows)) if page or not column.page]
        cells = [[column.show(row[column.key]) for column in columns] for row in rows]
        return [column.head for column in columns], cells


LINE = Column("line", "line")
DENSITY = Column(">density", "density", shown.percent)
SEEDS = Column(">seeds", "seeds", page=True)
