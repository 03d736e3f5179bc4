"""What a Verilog module says about itself: description, parameters, ports, what it refuses and is made of.

It reads the style of this project's files: a comment that begins with the module's name, one parameter or
port a line with its comment behind it, and comments of their own lines for the ports that follow.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from hwsim.errors import HwsimError
from hwsim.rtl import modules

_DECLARED = re.compile(
    r"^\s*(?P<way>parameter|input|output)\s+(?:(?:wire|reg|integer)\b)?\s*(?:(?P<sign>signed)\b)?"
    r"\s*(?:\[(?P<range>[^]]*)\])?\s*(?P<name>\w+)(?:\s*=\s*(?P<value>[^,/]*?))?\s*,?\s*(?://\s*(?P<comment>.*))?$"
)


@dataclass(frozen=True)
class Declared:
    """A parameter or port."""

    name: str
    way: str
    """parameter, input or output."""
    bits: str
    """Its width, in the parameters' names; `h:l` if it does not begin with bit 0."""
    signed: bool
    value: str
    """A parameter's default."""
    comment: str
    group: str
    """The comment above it and those before it."""


@dataclass(frozen=True)
class Header:
    """The beginning of a module's file."""

    name: str
    summary: str
    """The first paragraph of the description, which follows the name."""
    description: tuple[str, ...]
    """The lines of all other paragraphs, an empty one between two."""
    parameters: tuple[Declared, ...]
    ports: tuple[Declared, ...]
    refuses: tuple[str, ...]
    """Names of the modules that do not exist, which stop the elaboration of other parameters."""
    inside: tuple[str, ...]
    """The modules that it instantiates."""


def header(module: str) -> Header:
    """Read the file of a module. Raises HwsimError for an unknown one, or a line that it cannot read."""
    known = modules()
    if module not in known:
        raise HwsimError(f"no Verilog module {module!r}; the modules are {', '.join(known)}")
    text = known[module].read_text()
    above, declared, body = re.split(r"^module \w+|^\);$", text, maxsplit=2, flags=re.MULTILINE)
    comment = [line[2:].removeprefix(" ") for line in above.splitlines() if line.startswith("//")]
    first = comment.index("") if "" in comment else len(comment)
    items = _declared(module, declared)
    instances = dict.fromkeys(re.findall(r"^ *(\w+) (?:#\(|\w+ \()", body, re.MULTILINE))
    return Header(
        module,
        " ".join(comment[:first]).removeprefix(f"{module}: "),
        tuple(comment[first + 1 :]),
        tuple(item for item in items if item.way == "parameter"),
        tuple(item for item in items if item.way != "parameter"),
        tuple(name for name in instances if "_refuses_" in name),
        tuple(name for name in instances if name in known),
    )


def _declared(module: str, text: str) -> list[Declared]:
    items, group = [], ""
    for line in text.splitlines():
        if found := _DECLARED.match(line):
            items.append(
                Declared(
                    found["name"],
                    found["way"],
                    _width(found["range"]),
                    found["sign"] is not None,
                    found["value"] or "",
                    found["comment"] or "",
                    group,
                )
            )
        elif line.strip().startswith("//"):
            group = line.strip(" /")
        elif not line.strip():
            group = ""
        elif line.strip() not in ("#(", ") (", "("):
            raise HwsimError(f"{module}: cannot read the declaration {line.strip()!r}")
    return items


def _width(declared: str | None) -> str:
    """The width of `high:low`."""
    if declared is None:
        return "1"
    high, low = (part.strip() for part in declared.rsplit(":", 1))
    if low != "0":
        return f"{high}:{low}"
    if high.isdecimal():
        return str(int(high) + 1)
    base, minus, number = high.rpartition("-")
    if not minus or not number.isdecimal():
        return f"{high}+1"
    return base if number == "1" else f"{base}-{int(number) - 1}"
