"""Makes what docs/modules/ says from the Verilog itself: python docs/modules.py.

The first part of every module's page, between markers, and the list of all modules. What stands behind the
markers is written by hand, and kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from hwsim.files import write_atomic
from hwsim.markdown import table
from hwsim.rtl import modules
from hwsim.rtl.header import Declared, Header, header

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "docs" / "modules"
START, END = "<!-- made by docs/modules.py -->", "<!-- end -->"
LIST = PAGES / "index.md"
FOLDERS = {
    "rtl/core": "The accelerator",
    "rtl": "Operators and the attention head",
    "rtl/baseline": "The twin with multipliers",
    "rtl/board": "The board",
}
"""In the order of the list."""


def folder(name: str) -> str:
    """Where a module's file lies, from the root of the repository."""
    return modules()[name].parent.relative_to(modules()["relu"].parents[1]).as_posix()


def _of(place: str) -> list[str]:
    """The modules in a folder."""
    return [name for name in modules() if folder(name) == place]


def said(name: str) -> str:
    """The part of a module's page that the Verilog gives."""
    about = header(name)
    parts = [f"`{folder(name)}/{name}.v`: {_prose([about.summary])}", *_description(about.description)]
    if about.parameters:
        rows = [(f"`{one.name}`", f"`{one.value}`", _prose([one.comment])) for one in about.parameters]
        parts.append(table(("parameter", "default", ""), rows))
    if about.refuses:
        parts.append(f"Other values stop the elaboration: {', '.join(f'`{one}`' for one in about.refuses)}.")
    parts.append(table(("port", "", "bits", ""), _ports(about)))
    parts += [f"{what}: {_links(names)}." for what, names in _around(about) if names]
    return "\n\n".join(parts)


def _ports(about: Header) -> Iterator[tuple[str, ...]]:
    for group, ports in groupby(about.ports, lambda one: one.group):
        if group:
            yield "", "", "", f"*{_prose([group])}*"
        for one in ports:
            yield f"`{one.name}`", one.way.removesuffix("put"), _bits(one), _prose([one.comment])


def _bits(one: Declared) -> str:
    bits = one.bits if re.fullmatch(r"[\d:]+", one.bits) else f"`{one.bits}`"
    return f"{bits}, signed" if one.signed else bits


def _around(about: Header) -> tuple[tuple[str, list[str]], ...]:
    users = [name for place in FOLDERS for name in _of(place) if about.name in header(name).inside]
    return ("Made of", list(about.inside)), ("Part of", users)


def _links(names: list[str]) -> str:
    return ", ".join(f"[{name}]({name}.md)" for name in names)


def _description(lines: tuple[str, ...]) -> Iterator[str]:
    """Paragraphs of prose, and as they are those lines that are indented: lists, formulas."""
    for empty, group in groupby(lines, lambda line: not line.strip()):
        paragraph = list(group)
        if empty:
            continue
        # Columns make a paragraph a table of its own style.
        columns = any(re.search(r"^\S.*\S {2,}\S", line) for line in paragraph)
        verbatim = [columns or line.startswith(" ") for line in paragraph]
        for as_it_is, part in groupby(zip(paragraph, verbatim, strict=True), itemgetter(1)):
            text = [line for line, _ in part]
            yield "\n".join(("```text", *text, "```")) if as_it_is else _prose(text)


def _prose(lines: list[str]) -> str:
    """Comment lines as Markdown: nothing in them is markup but backticks, which ports get here."""
    text = " ".join(line.strip() for line in lines)
    text = re.sub(r"(?<!`)\b[a-z]\w*_(?:n?i|o|q)\b", r"`\g<0>`", text)
    parts = text.split("`")
    parts[::2] = [re.sub(r"([*<\\])", r"\\\1", part) for part in parts[::2]]
    return "`".join(parts)


def page(name: str, text: str) -> str:
    """A module's page with the Verilog's part made anew; of an empty text a page with nothing else."""
    text = text or f"# {name}\n\n{START}\n{END}\n"
    before, after = text.index(START) + len(START), text.index(END)
    return f"{text[:before]}\n\n{said(name)}\n\n{text[after:]}"


def listed(text: str) -> str:
    """The page that lists them, with the list made anew."""
    parts = []
    for place, title in FOLDERS.items():
        rows = [(f"[{name}]({name}.md)", _prose([header(name).summary])) for name in _of(place)]
        parts.append(f"## {title}\n\n`{place}/`, {len(rows)} modules.\n\n{table(('module', ''), rows)}")
    before, after = text.index(START) + len(START), text.index(END)
    return f"{text[:before]}\n\n{(chr(10) * 2).join(parts)}\n\n{text[after:]}"


if __name__ == "__main__":
    for name in modules():
        path = PAGES / f"{name}.md"
        write_atomic(path, page(name, path.read_text() if path.exists() else ""))
    write_atomic(LIST, listed(LIST.read_text()))
