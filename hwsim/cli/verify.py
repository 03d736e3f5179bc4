"""`hwsim verify`: every implementation against the NumPy emulator, tensor by tensor."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from hwsim.cli.options import DEFAULT, JsonOption, SeedOption, TextOption, TicketArgument
from hwsim.cli.output import print_json, print_report, stdout, watching

EXAMPLE = "hwsim verify sst2-tiny --inputs 8 --seed 1"


def command(
    ticket: TicketArgument = DEFAULT,
    inputs: Annotated[
        int, typer.Option("--inputs", min=1, help="How many sequences: directed, then random.")
    ] = 8,
    seed: SeedOption = 0,
    text: TextOption = None,
    tensor: Annotated[
        str | None, typer.Option("--tensor", help="Only this tensor's operators, alone.")
    ] = None,
    operator: Annotated[
        list[str] | None, typer.Option("--operator", help="Only this operator's cases.")
    ] = None,
    operators: Annotated[bool, typer.Option("--ops", help="Also every operator's cases.")] = False,
    waves: Annotated[
        Path | None, typer.Option("--waves", help="A VCD file of the Verilog heads; 10 time units a cycle.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Run the same inputs through all implementations and report the first integer that differs.

    Implementations whose packages are absent are listed as skipped. Exit status 1 if anything differs.
    """
    from hwsim import load_ticket, ops, verify
    from hwsim.tokens import encode

    if text and operator:
        raise typer.BadParameter("cases of an operator take no text", param_hint="--operator")
    with watching() as watch:
        if operator:
            report = verify.verify_operators(operator, seed, watch=watch)
        else:
            model = load_ticket(ticket)
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
