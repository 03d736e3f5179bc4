"""Tables of pages in Markdown, and the places where a page keeps them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a column whose head begins with `>` is right-aligned. A `|` in a cell is text."""
    rule = ["---:" if head.startswith(">") else "---" for head in heads]
    lines = [[head.removeprefix(">") for head in heads], rule, *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def numbers(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of which all columns but the first are right-aligned."""
    return table([heads[0], *(f">{head}" for head in heads[1:])], rows)


def fill(page: str, tables: Mapping[str, str]) -> str:
    """The page with every table between `<!-- name -->` and `<!-- end -->` made anew."""
    for name, made in tables.items():
        page = re.sub(
            rf"(<!-- {re.escape(name)} -->\n).*?(<!-- end -->)",
            lambda found, made=made: f"{found[1]}\n{made}\n\n{found[2]}",  # type: ignore[misc]
            page,
            flags=re.DOTALL,
        )
    return page
