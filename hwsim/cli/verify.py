"""`hwsim verify`: every implementation against the NumPy emulator, tensor by tensor."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hwsim.cli.options import DEFAULT, JsonOption, SeedOption, TextOption, TicketArgument
from hwsim.cli.output import print_json, print_report, stdout, watching, writable

if TYPE_CHECKING:
    from hwsim.implementations import Batch

EXAMPLE = "hwsim verify sst2-tiny --inputs 8 --seed 1"


def command(
    ticket: TicketArgument = DEFAULT,
    inputs: Annotated[
        int, typer.Option("--inputs", min=1, max=4096, help="How many sequences: directed, then random.")
    ] = 8,
    seed: SeedOption = 0,
    text: TextOption = None,
    tensor: Annotated[
        str | None, typer.Option("--tensor", help="Only this tensor's operators, alone.")
    ] = None,
    operator: Annotated[
        list[str] | None,
        typer.Option("--operator", help="Only the cases of this operator; may be given again."),
    ] = None,
    operators: Annotated[bool, typer.Option("--ops", help="Also every operator's cases.")] = False,
    waves: Annotated[
        Path | None,
        typer.Option(
            "--waves", help="A VCD file of the Verilog heads, or of --tensor's module; 10 time units a cycle."
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Run the same inputs through all implementations and report the first integer that differs.

    Implementations whose packages are absent are listed as skipped. Exit status 1 if anything differs.
    """
    from hwsim import load_ticket, ops, verify
    from hwsim.isolate import check_name
    from hwsim.tokens import encode

    if operator and (text or tensor or waves or operators):
        wrong = "goes with --seed and --json only: an operator's cases are fixed"
        raise typer.BadParameter(wrong, param_hint="--operator")
    if waves:
        writable(waves, "the waveform")
    with watching() as watch:
        if operator:
            report = verify.verify_operators(operator, seed, watch=watch)
        else:
            model = load_ticket(ticket)
            if tensor:
                check_name(model.config, tensor)
            words = ["hwsim", "verify", ticket, "--seed", str(seed)]
            if text:
                encoded = encode(model, text)
                batch = verify.prepare(model, (encoded.token_ids, encoded.mask), seed, waves)
                words += [word for one in text for word in ("--text", one)]
            else:
                batch = verify.prepare(model, verify.make_inputs(model.config, inputs, seed), seed, waves)
                words += ["--inputs", str(inputs)]
            if tensor:
                report = verify.verify_tensor(batch, tensor, watch=watch)
                if waves:
                    _waves(batch, tensor, waves)
            else:
                again = shlex.join(words).replace("{", "{{").replace("}", "}}") + " --tensor {tensor}"
                report = verify.verify_ticket(batch, reproduce=again, watch=watch)
            if operators:
                report = report.join(verify.verify_operators(ops.OPERATORS, seed, watch=watch))
    if json:
        print_json({"ticket": None if operator else ticket, **report.to_dict()})
    else:
        print_report(report)
        stdout().print(
            f"{report.tensors_compared} comparisons of {report.integers_compared:,} integers in all"
        )
    if not report.ok:
        raise typer.Exit(1)


def _waves(batch: Batch, tensor: str, path: Path) -> None:
    """The waveform of the first module, the one with a clock, that computes the tensor."""
    from hwsim.errors import UnsupportedError
    from hwsim.isolate import tensor_cases
    from hwsim.rtl import simulate_operator

    case = tensor_cases(batch, tensor)[0]
    if simulate_operator(case, waves=path).cycles == 0:
        raise UnsupportedError(f"the Verilog {case.operator} has no clock and so no waveform")
