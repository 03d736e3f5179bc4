"""Mutation score of the accelerator's Verilog: small changes of its text, and which check notices each.

    python tests/rtl/mutation.py --count 320 --out docs/rtl_mutation.json

A mutant is one token or assignment of one module changed. It goes through `replay.py` on Icarus, through the
proofs of `rtl/formal/` that its module is part of, and through the tests of the accelerator on Verilator and
Icarus, the cheapest first, until something fails: it is killed. What Icarus does not elaborate is no mutant.
Results are kept in the JSON file after each. So the same command goes on where it stopped; the mutants
of a module whose text has changed are tried anew.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import replay

from hwsim.cli.output import progress_bar
from hwsim.errors import HwsimError
from hwsim.files import write_atomic
from hwsim.rtl import modules, proofs, sources

TOP = "accelerator"
STAGES = {
    # The quickest first: a killed mutant goes no further.
    "numbers": ("test_accelerator.py::test_random_programs", "test_accelerator.py::test_random_tickets"),
    "icarus": ("test_accelerator_axi.py", "-k", "icarus"),
    "verilator": ("test_accelerator_axi.py", "-k", "verilator"),
    "sizes": ("test_accelerator_memories.py", "test_accelerator.py", "-k", "memor or machines"),
}
TESTS = Path(__file__).parent
PROOF_LIMIT, TEST_LIMIT = 60, 900
"""Seconds. A test that takes so long hangs: the mutant is killed."""


@dataclass(frozen=True)
class Mutant:
    """One change of one module's text."""

    module: str
    line: int
    column: int
    before: str
    after: str

    @property
    def name(self) -> str:
        """Unique, and the same in every run."""
        return f"{self.module}:{self.line}:{self.column} {self.before} -> {self.after}"

    def apply(self, text: str) -> str:
        """The module's text with the change."""
        lines = text.splitlines(keepends=True)
        line, at = lines[self.line - 1], self.column - 1
        assert line.startswith(self.before, at)
        lines[self.line - 1] = line[:at] + self.after + line[at + len(self.before) :]
        return "".join(lines)


SWAPS = {
    "==": "!=",
    "!=": "==",
    "&&": "||",
    "||": "&&",
    ">=": ">",
    "<": "<=",
    ">": ">=",
    "<<": ">>",
    ">>>": ">>",
    "+": "-",
    "-": "+",
    "&": "|",
    "|": "&",
    "^": "&",
    "!": "",
    "~": "",
}
_TOKEN = re.compile(
    r"(?P<literal>\d+'[bdh][0-9a-f]+)|(?P<assign>\w+(?:\[[^\]]*\]|\.)*\s*<= [^;{}]*;)"
    r"|(?P<condition>\bif \()|(?P<swap>===?|!=|&&|\|\||>=|<=|<<<|>>>|<<|>>|[-+&|^!~<>])|(?P<name>\w+)"
)
_RANGE = re.compile(r"\[[^\[\]]*:[^\[\]]*\]")
"""Decided when elaborated: widths, not work."""


def mutants(module: str) -> Iterator[Mutant]:
    """Every mutant of a module, outside its header, its comments, constants, and refusals."""
    text = modules()[module].read_text()
    begun = False
    for number, line in enumerate(text.splitlines(), 1):
        code = line.split("//")[0]
        if not begun or re.search(r"localparam|refuse|\bfor \(|^\s*\(\*|case|wire unused", code):
            begun = begun or code.startswith(");")
            continue
        if "// ---- Refused" in line:
            return
        code = _RANGE.sub(lambda found: "." * len(found[0]), code)
        at = 0
        while found := _TOKEN.search(code, at):
            at = (
                found.end()
                if found.lastgroup != "assign"
                else found.start() + len(re.match(r"\w+", found[0])[0])
            )
            for after in _changes(found):
                yield Mutant(module, number, found.start() + 1, line[slice(*found.span())], after)


def _changes(found: re.Match[str]) -> Iterator[str]:
    token = found[0]
    if found.lastgroup == "swap" and token in SWAPS:
        yield SWAPS[token]
    elif found.lastgroup == "condition":
        yield "if (!"
    elif found.lastgroup == "assign":
        yield ";"
    elif found.lastgroup == "literal":
        width, base, digits = re.match(r"(\d+)'([bdh])(.*)", token).groups()
        value = int(digits, {"b": 2, "d": 10, "h": 16}[base])
        yield f"{width}'d{(value + 1) % (1 << int(width))}"


def chosen(count: int, seed: int) -> list[Mutant]:
    """Mutants of all modules of the accelerator in turn, as many of each as far as it has so many."""
    pools = []
    for path in sources(TOP):
        pool = sorted(mutants(path.stem), key=lambda one: one.name)
        random.Random(f"{seed} {path.stem}").shuffle(pool)
        pools.append(pool)
    result: list[Mutant] = []
    while len(result) < count and any(pools):
        result += [pool.pop() for pool in pools if pool]
    return result[:count]


def try_mutant(mutant: Mutant) -> dict[str, object]:
    """What kills it: `by` is a proof, a stage, or empty; `no mutant` if it cannot be elaborated."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(
            proofs.FOLDER.parent, folder / "rtl", ignore=shutil.ignore_patterns("*.py", "__pycache__")
        )
        file = folder / "rtl" / modules()[mutant.module].relative_to(proofs.FOLDER.parent)
        file.write_text(mutant.apply(file.read_text()))
        by = _killer(mutant, file, folder)
    return {**asdict(mutant), "by": by, "seconds": round(time.monotonic() - begun, 1)}


@cache
def expected() -> tuple[str, ...]:
    """What the real Verilog prints."""
    with tempfile.TemporaryDirectory() as folder:
        return tuple(replay.lines(sources(TOP), Path(folder)))


def _killer(mutant: Mutant, file: Path, folder: Path) -> str:
    files = [file if path.stem == mutant.module else path for path in sources(TOP)]
    try:
        if replay.first_difference(expected(), files, folder) is not None:
            return "replay"
    except subprocess.CalledProcessError:
        return "no mutant"
    for proof in proofs.PROOFS:
        if not proof.long and mutant.module in [path.stem for path in proofs.needed(proof.name)]:
            try:
                if proofs.prove(proof, {mutant.module: file}, PROOF_LIMIT).counterexample:
                    return proof.name
            except HwsimError:
                continue  # too hard for the solver, or nothing that yosys accepts: the simulations tell
    return next((stage for stage in STAGES if _fails(stage, folder)), "")


def _fails(stage: str, folder: Path) -> bool:
    """Whether a test of the stage fails with the Verilog of `folder`; a hanging one has failed."""
    environment = os.environ | {
        "HWSIM_MUTANT": str(folder / "rtl"),
        "PYTHONPATH": str(TESTS),
        "XDG_CACHE_HOME": str(_cache(folder)),
        "OMP_NUM_THREADS": "1",
    }
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-x",
        "-q",
        "-p",
        "mutant_plugin",
        "-o",
        f"cache_dir={folder}/cache",
    ]
    names = [str(TESTS / word) if word.startswith("test_") else word for word in STAGES[stage]]
    process = subprocess.Popen(
        [*command, *names],
        env=environment,
        cwd=TESTS.parent.parent,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        return process.wait(TEST_LIMIT) != 0
    except subprocess.TimeoutExpired:
        return True
    finally:
        if process.poll() is None:
            os.killpg(process.pid, 9)
            process.wait()


def _cache(folder: Path) -> Path:
    """A cache of compiled models of its own, with the run-time library that all share."""
    from hwsim.rtl.build import cache_folder

    own = folder / "xdg"
    if not own.exists():
        (own / "hwsim").mkdir(parents=True)
        for runtime in cache_folder().glob("runtime-*"):
            if runtime.is_dir():
                (own / "hwsim" / runtime.name).symlink_to(runtime)
    return own


def record(tried: list[dict[str, object]]) -> dict[str, object]:
    """Counts and the score of all that were mutants, survivors with the line they changed, all results."""
    real = [one for one in tried if one["by"] != "no mutant"]
    killed = [one for one in real if one["by"]]
    by_module = {
        path.stem: {
            "mutants": sum(one["module"] == path.stem for one in real),
            "killed": sum(one["module"] == path.stem for one in killed),
        }
        for path in sources(TOP)
    }
    survivors = []
    for one in real:
        if not one["by"]:
            line = modules()[str(one["module"])].read_text().splitlines()[int(str(one["line"])) - 1]
            survivors.append({**one, "text": line.strip()})
    return {
        "mutants": len(real),
        "killed": len(killed),
        "score": round(len(killed) / len(real), 4) if real else 0.0,
        "killed_by": dict(Counter(str(one["by"]) for one in killed).most_common()),
        "modules": by_module,
        "survivors": survivors,
        "verilog": digests(),
        "tried": tried,
    }


@cache
def digests() -> dict[str, str]:
    """Of each module's text."""
    return {path.stem: hashlib.sha256(path.read_bytes()).hexdigest()[:16] for path in sources(TOP)}


def known_of(out: Path) -> list[dict[str, object]]:
    """The results in a file that are of these modules."""
    if not out.exists():
        return []
    before, now = json.loads(out.read_text()), digests()
    return [one for one in before["tried"] if before["verilog"].get(one["module"]) == now[one["module"]]]


def main() -> None:
    """Run all that are not in the file yet."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=320, help="How many changes are drawn.")
    parser.add_argument("--seed", type=int, default=0, help="Of the draw.")
    parser.add_argument("--jobs", type=int, default=1, help="How many at a time.")
    parser.add_argument("--again", action="store_true", help="Try those that survived once more.")
    parser.add_argument("--out", type=Path, required=True, help="JSON file; is gone on with if it exists.")
    chosen_by = parser.parse_args()
    tried = known_of(chosen_by.out)
    if chosen_by.again:
        tried = [one for one in tried if one["by"]]
    known = {
        Mutant(*(one[key] for key in ("module", "line", "column", "before", "after"))).name for one in tried
    }
    todo = [mutant for mutant in chosen(chosen_by.count, chosen_by.seed) if mutant.name not in known]
    expected()
    with progress_bar() as bar, ThreadPoolExecutor(chosen_by.jobs) as pool:
        task = bar.add_task("mutants", total=len(todo))
        try:
            for tested in as_completed([pool.submit(try_mutant, mutant) for mutant in todo]):
                tried.append(tested.result())
                write_atomic(chosen_by.out, json.dumps(record(tried), indent=1) + "\n")
                bar.advance(task)
        except KeyboardInterrupt:
            pool.shutdown(cancel_futures=True)
            raise
    done = record(tried)
    write_atomic(chosen_by.out, json.dumps(done, indent=1) + "\n")
    print(f"{done['killed']} of {done['mutants']} mutants are killed")


if __name__ == "__main__":
    main()
