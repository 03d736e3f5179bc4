"""Makes docs/modules/*.json, timing diagrams as WaveJSON, from simulations: python docs/waves.py [MODULE...].

Every value in a diagram was seen in the Verilog. Which signals it shows, and from which clock on, is chosen
by hand, in docs/waves.toml.
"""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from vcdvcd import VCDVCD

from hwsim import ModelConfig, Ticket, random_ticket
from hwsim.accelerator import Kind, fit, frame
from hwsim.baseline import DotMachine, compile_dot, forward
from hwsim.cases import Case
from hwsim.files import write_atomic
from hwsim.make import random_tokens
from hwsim.rtl import heads, sim, simulate_operator, sources, whole
from hwsim.rtl.accelerator import Accelerator
from hwsim.rtl.header import header

PAGES = Path(__file__).parent / "modules"
VIEWS = Path(__file__).with_suffix(".toml")
CLOCK = 10
"""Units of a waveform's time; a value is looked at just before the clock rises in the middle."""

_SHOWN = re.compile(
    r"(?P<path>[\w.\[\]]+?)(?:\[(?P<high>\d+):(?P<low>\d+)\])?(?:/(?P<how>[\w|]+))?(?: if (?P<when>\w+))?"
)


# ---- What is simulated.


def _sentences() -> tuple[Ticket, np.ndarray, np.ndarray]:
    """Two, of three tokens and of two, to share a frame of eight lanes."""
    config = ModelConfig(40, 8, 16, 2, 1, 16, 2, "int4", embed_shift=3)
    ids, mask = random_tokens(config, 2)
    mask[:] = np.arange(8) < [[3], [2]]
    return random_ticket(config, density=0.12), ids, mask


def _accelerator(waves: Path) -> None:
    ticket, ids, mask = _sentences()
    with whole.Runner(ticket, fit(ticket, 8), waves) as runner:
        done = runner.run([0, 1], ids, mask)
    assert whole.compare(done, ticket, ids, mask) is None


class _Twin(Accelerator):
    module = "dot_accelerator"


def _twin(waves: Path) -> None:
    ticket, ids, mask = _sentences()
    made = frame(mask, 8)
    with _Twin(compile_dot(ticket, DotMachine(8, 32, 2048, 256, 64)), waves) as twin:
        done = twin.run(made.beats(ticket, ids), made)
    assert np.array_equal(done.logits, forward(ticket, ids, mask)["logits"])


def _operator(name: str, **arguments: Any) -> Callable[[Path], None]:
    """An operator's module for four tokens."""

    def run(waves: Path) -> None:
        case = Case(name, "diagram", arguments)
        done = simulate_operator(case, lanes=4, smallest=True, waves=waves)
        assert np.array_equal(done.result, case.expected())

    return run


def _head(waves: Path) -> None:
    """Three tokens through the streaming head."""
    parameters = {"HeadWidth": 4, "MaxTokens": 8, "OutWidth": 8, "Centring": 0}
    q, k, v = np.random.default_rng(1).integers(-60, 61, (3, 3, 4)).astype(np.int8)
    with sim.build(heads.MODULE, sources(heads.MODULE), parameters, waves) as head:
        head.reset()
        heads.run_head(head, q, k, v, np.ones(3, bool), 2, score_shift=1, inhibit_shift=0)


def _board(waves: Path) -> None:
    """The host reads a register; on Icarus, which takes the bench as it is."""
    bench, program = Path(__file__).with_name("board_bench.v"), waves.with_suffix(".vvp")
    compiler = ["iverilog", "-g2005", "-s", bench.stem, "-o", str(program), str(bench)]
    subprocess.run([*compiler, *map(str, sources("ulx3s"))], check=True)
    # It writes waves.vcd where it runs.
    subprocess.run(["vvp", "-n", str(program)], cwd=waves.parent, check=True, stdout=subprocess.DEVNULL)


_RNG = np.random.default_rng(7)
_X = _RNG.integers(-100, 101, (1, 4, 5)).astype(np.int8)
_WEIGHTS = np.array([[0, 1, 0, 0, -1], [2, 0, 0, 3, 0], [0, 0, 1, 0, 0]], np.int8)
_BIAS = np.array([10, -20, 30], np.int32)
_Q, _K = _RNG.integers(-60, 61, (2, 1, 1, 3, 3)).astype(np.int8)
_REAL = np.array([[True, True, False]])
RUNS: dict[str, Callable[[Path], None]] = {
    "accelerator": _accelerator,
    "dot_accelerator": _twin,
    "linear": _operator("linear", x=_X, weight=_WEIGHTS, bias=_BIAS),
    "classify": _operator("classify", x=_X[0], weight=_WEIGHTS, bias=_BIAS),
    "manhattan_norm": _operator("manhattan_norm", x=_RNG.integers(-900, 901, (4, 16)).astype(np.int16)),
    "manhattan_score": _operator(
        "manhattan_score", q=_Q, k=_K, mask=_REAL, shift=1, delta=np.array([2]), centring="min"
    ),
    "inhibit": _operator(
        "inhibit",
        v=_RNG.integers(-60, 61, (3, 2)).astype(np.int8),
        score=np.array([[0, 9, 127], [4, 0, 127], [20, 2, 127]], np.int8),
        shift=1,
    ),
    "pool": _operator(
        "pool", x=_X.reshape(4, 1, 5)[:, [0, 0]], mask=np.array([[True, True], [True, False]] * 2)
    ),
    "inhibitor_head": _head,
    "ulx3s": _board,
}


# ---- What is shown.


@dataclass(frozen=True)
class View:
    """A diagram."""

    run: str
    at: str
    """Signals of the scope, else of the top module, that are 1 in the second clock shown, or `name=value`."""
    clocks: int
    signals: str
    """One a line: `name[high:low]/how if qualifier`. how: `s` signed, `x` hexadecimal, `kind` of operation,
    or names of constants, `Idle|Start`, that a state is one of; without it unsigned. While the qualifier is 0
    nobody looks. An empty line leaves a gap."""
    scope: str = ""
    """Below the top module, with a point in front."""
    skip: int = 0
    """How many such clocks to pass over."""


def views() -> dict[str, View]:
    """Every diagram, by module: docs/waves.toml."""
    table = tomllib.loads(VIEWS.read_text())
    return {name: View(**view) for name, view in table.items()}


class Waves:
    """A recorded waveform."""

    def __init__(self, path: Path) -> None:
        self._file = VCDVCD(str(path))
        self._full = {re.sub(r"\[\d+:\d+\]$", "", name): name for name in self._file.signals}
        clock = next(name for name in self._full if name.endswith(".clk_i") and name.count(".") == 2)
        self.top = clock.removesuffix(".clk_i")
        self.clocks = range(self._file.endtime // CLOCK)

    def signal(self, scope: str, name: str) -> Any:
        """Of the scope, else of the top module."""
        inner, outer = f"{self.top}{scope}.{name}", f"{self.top}.{name}"
        return self._file[self._full[inner if inner in self._full else outer]]


def at(signal: Any, clock: int) -> int:
    """A signal's value, unsigned, just before the clock rises."""
    return int(signal[CLOCK * clock + CLOCK // 2 - 1], 2)


def draw(module: str, view: View, waves: Waves) -> dict[str, Any]:
    """The diagram as WaveJSON."""
    start = _find(view, waves) - 1
    clocks = range(start, start + view.clocks)
    ways = {port.name: port.way for port in header(module).ports}
    rows: list[dict[str, Any]] = [{"name": "clk_i", "wave": "p" + "." * (view.clocks - 1)}]
    for line in view.signals.strip().splitlines():
        found = _SHOWN.fullmatch(line)
        assert found or not line, f"{module}: cannot read {line!r}"
        rows.append(_row(found, waves, view.scope, clocks, ways) if found else {})
    return {"signal": rows, "head": {"tick": -1}}


def _find(view: View, waves: Waves) -> int:
    """The clock in which all of `at` holds, after `skip` other ones; not in reset."""
    wanted = [(waves.signal("", "rst_ni"), 1)]
    for name, _, value in (part.partition("=") for part in view.at.split()):
        wanted.append((waves.signal(view.scope, name), int(value or 1)))
    found = (clock for clock in waves.clocks if all(at(signal, clock) == value for signal, value in wanted))
    return next(itertools.islice(found, view.skip, None))


def _row(
    shown: re.Match[str], waves: Waves, scope: str, clocks: range, ways: dict[str, str]
) -> dict[str, Any]:
    signal, name, low = waves.signal(scope, shown["path"]), shown["path"], int(shown["low"] or 0)
    bits = int(signal.size)
    size = int(shown["high"] or bits - 1) + 1 - low
    when = shown["when"] and waves.signal(scope, shown["when"])
    text = _reader(shown["how"] or "", size, waves, scope)
    values = [
        None if when and not at(when, clock) else text(at(signal, clock) >> low & (1 << size) - 1)
        for clock in clocks
    ]
    colour = "" if size == 1 else {"input": "3", "output": "5"}.get(ways.get(name, ""), "=")
    wave, data = "", []
    for value, run in itertools.groupby(values):
        first, length = not wave, len(list(run))
        wave += ("x" if value is None else colour or value) + "." * (length - 1)
        if colour and value is not None:
            # A clock has room for five figures, the first one for none: there the signal's name stands.
            data.append(value if len(value) <= 5 * length and (length > 1 or not first) else "")
    part = "" if size == bits else f"[{low}]" if size == 1 else f"[{shown['high']}:{shown['low']}]"
    base = " (hex)" if shown["how"] == "x" else ""
    row = {"name": name.rpartition(".")[2] + part + base, "wave": wave}
    return row | {"data": data} if colour else row


def _reader(how: str, size: int, waves: Waves, scope: str) -> Callable[[int], str]:
    """What makes a value's text."""
    if how == "s":
        return lambda value: str(value - (value >> size - 1 << size))
    if how == "x":
        return lambda value: f"{value:0{-(-size // 4)}x}"
    if how == "kind":
        return lambda value: Kind(value).name.lower()
    if how:
        return {at(waves.signal(scope, name), 1): name.lower() for name in how.split("|")}.__getitem__
    return str


def made(names: list[str]) -> dict[str, str]:
    """The text of docs/modules/NAME.json for every module named, from simulations made now."""
    chosen = {name: view for name, view in views().items() if name in names}
    texts = {}
    for run in dict.fromkeys(view.run for view in chosen.values()):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "waves.vcd"
            RUNS[run](file)
            waves = Waves(file)
        for name, view in chosen.items():
            if view.run == run:
                texts[name] = _json(draw(name, view, waves))
    return texts


def _json(diagram: dict[str, Any]) -> str:
    """A signal a line."""
    rows = ",\n  ".join(json.dumps(row) for row in diagram["signal"])
    return f'{{"head": {json.dumps(diagram["head"])}, "signal": [\n  {rows}\n]}}\n'


if __name__ == "__main__":
    for name, text in made(sys.argv[1:] or list(views())).items():
        write_atomic(PAGES / f"{name}.json", text)
