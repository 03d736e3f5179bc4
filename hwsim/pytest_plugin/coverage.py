"""Line and toggle coverage of Verilog: the files that Verilator writes, added up and put in words."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from hwsim.files import write_atomic

_RECORD = re.compile(r"^C '(.*)' (\d+)$")
_EDGE = re.compile(r"^(.*?)((?:\[-?\d+\])*):(?:0->1|1->0)$")
_KINDS = {"v_line": "line", "v_branch": "line", "v_toggle": "toggle"}


@dataclass(frozen=True, order=True)
class Point:
    """One thing to cover: a block of lines, one way of a branch, or one edge of one bit."""

    module: str
    kind: str
    """line or toggle."""
    file: str
    line: int
    column: int
    what: str
    """Such as `block`, `else`, or `tdata[3]:0->1`."""


@dataclass
class Share:
    """How many points of one kind a module has, and what none of the simulations reached."""

    covered: int = 0
    total: int = 0
    holes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.covered}/{self.total} {self.covered / self.total:7.1%}" if self.total else "-"


def read(file: Path) -> Iterator[tuple[Point, int]]:
    """The line and toggle points of one coverage.dat, each with its count."""
    for text in file.read_text(errors="replace").splitlines():
        record = _RECORD.match(text)
        if record is None:
            continue
        fields = dict(part.split("\x02", 1) for part in record[1].split("\x01") if "\x02" in part)
        page, _, module = fields.get("page", "").partition("/")
        if page in _KINDS:
            # The lines of a block, "12-14,17"; a branch not taken is best found by the first of its own.
            line = re.match(r"\d+", fields.get("S", "")) or re.match(r"\d+", fields["l"])
            # All parametrised forms of a module, such as fifo__W8_D4, count as that module.
            name, column = module.split("__")[0], int(fields.get("n", 0))
            point = Point(
                name, _KINDS[page], fields["f"], int(line[0]) if line else 0, column, fields.get("o", "")
            )
            yield point, int(record[2])


def merge(files: Iterable[Path]) -> Counter[Point]:
    """The points of several simulations with the sums of their counts."""
    total: Counter[Point] = Counter()
    for file in files:
        for point, count in read(file):
            total[point] += count
    return total


def modules(points: Counter[Point], root: Path) -> dict[str, dict[str, Share]]:
    """Coverage by module and kind; holes are `file:line what`, files relative to `root` if below it."""
    result: dict[str, dict[str, Share]] = {}
    edges: dict[tuple[str, str], dict[str, bool]] = {}
    for point, count in sorted(points.items()):
        share = result.setdefault(point.module, {"line": Share(), "toggle": Share()})[point.kind]
        share.total += 1
        share.covered += count > 0
        place = f"{_relative(point.file, root)}:{point.line}"
        if point.kind == "line" and not count:
            share.holes.append(f"{place} {point.what}")
        edge = _EDGE.match(point.what)
        if point.kind == "toggle" and edge:
            seen = edges.setdefault((point.module, f"{place} {edge[1]}"), {})
            seen[point.what.removeprefix(edge[1])] = count > 0
    for (module, signal), seen in edges.items():
        missing = [bit for bit, covered in seen.items() if not covered]
        if missing:
            hole = f"{signal}{_bits(missing)} ({len(missing)} of {len(seen)} edges)"
            result[module]["toggle"].holes.append(hole)
    return result


def _bits(edges: list[str]) -> str:
    """The bits that edges like `[3]:0->1` belong to, as `[7:5,3]`; nothing for a single bit or a memory."""
    found = {re.fullmatch(r"\[(\d+)\]:.*", edge) for edge in edges}
    bits = sorted({int(bit[1]) for bit in found if bit}, reverse=True)
    if None in found or not bits:
        return ""
    runs: list[list[int]] = []
    for bit in bits:
        if runs and runs[-1][-1] == bit + 1:
            runs[-1].append(bit)
        else:
            runs.append([bit])
    return "[" + ",".join(f"{run[0]}:{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs) + "]"


def _relative(file: str, root: Path) -> str:
    return os.path.relpath(file, root) if Path(file).is_relative_to(root) else file


def table(shares: dict[str, dict[str, Share]]) -> Iterator[str]:
    """Lines of text: a table of modules, then every hole."""
    if not shares:
        yield "nothing was measured; only Verilator measures coverage"
        return
    width = max(6, *map(len, shares))
    yield f"{'module':{width}}  {'line':>17}  {'toggle':>17}"
    for module, kinds in shares.items():
        yield f"{module:{width}}  {kinds['line']!s:>17}  {kinds['toggle']!s:>17}"
    for kind, words in (("line", "Lines and branches never reached"), ("toggle", "Bits that never changed")):
        holes = [hole for kinds in shares.values() for hole in kinds[kind].holes]
        if holes:
            yield f"{words}:"
            yield from (f"  {hole}" for hole in holes)


def write_json(shares: dict[str, dict[str, Share]], file: Path) -> None:
    """The same as JSON: module, kind, {covered, total, holes}."""
    plain = {
        module: {kind: asdict(share) for kind, share in kinds.items()} for module, kinds in shares.items()
    }
    write_atomic(file, json.dumps(plain, indent=1) + "\n")
