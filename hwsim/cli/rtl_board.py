"""`hwsim rtl bitstream` and `hwsim rtl board`: the accelerator on a ULX3S board, and sentences sent to it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hwsim.cli.options import JsonOption, SeedOption, TextOption, TicketArgument
from hwsim.cli.output import bad, good, print_json, print_table, stderr, stdout, writable
from hwsim.cli.synth import parameters

BITSTREAM_EXAMPLE = "hwsim rtl bitstream ulx3s.bit --part 85k -p Lanes=16"
BOARD_EXAMPLE = 'hwsim rtl board sst2-tiny --port /dev/ttyUSB0 --text "A warm film."'


def bitstream(
    path: Annotated[Path, typer.Argument(metavar="OUT.bit", help="The bitstream to write.")],
    parameter: Annotated[
        list[str] | None,
        typer.Option("--parameter", "-p", metavar="NAME=VALUE", help="Of module ulx3s; may be given again."),
    ] = None,
    part: Annotated[str, typer.Option("--part", help="The board's ECP5: 25k, 45k or 85k.")] = "85k",
    seed: SeedOption = 1,
    json: JsonOption = False,
) -> None:
    """Build the accelerator for the ULX3S board: yosys, nextpnr with the board's pins, ecppack; minutes."""
    from hwsim.errors import HwsimError
    from hwsim.synth.bitstream import PARTS
    from hwsim.synth.bitstream import bitstream as build

    writable(path, "the bitstream")
    if part not in PARTS:
        raise HwsimError(f"no part {part!r}; choose one of {', '.join(PARTS)}")
    with stderr().status("yosys, nextpnr, ecppack"):
        record = build(path, parameters(parameter or []), part, seed)
    if json:
        print_json(record)
    else:
        stdout().print(
            f"{path}: {record['bytes']:,} bytes for ULX3S {part}; it could run at {record['fmax_mhz']} MHz, "
            f"the board's clock is {record['clock_mhz']} MHz"
        )


def board(
    ticket: TicketArgument,
    port: Annotated[str, typer.Option("--port", help="The board's serial port.")],
    text: TextOption = None,
    json: JsonOption = False,
) -> None:
    """Load a ticket into the board, send texts, and compare the logits with NumPy's.

    Exit status 1 if any logit differs.
    """
    from hwsim import evaluate, load_ticket
    from hwsim.accelerator import compile_ticket, frame
    from hwsim.rtl.serial_host import SerialHost, open_port
    from hwsim.tokens import encode

    if not text:
        raise typer.BadParameter("give at least one text", param_hint="--text")
    model = load_ticket(ticket)
    encoded = encode(model, text)
    with open_port(port) as serial:
        host = SerialHost(serial)
        machine = host.machine()
        frames = [frame(mask[None], machine.lanes) for mask in encoded.mask]
        with stderr().status("loading the ticket"):
            host.load(compile_ticket(model, machine))
        logits, cycles = [], []
        for made, ids in zip(frames, encoded.token_ids, strict=True):
            logits.append(host.run(made.beats(model, ids[None]), 1)[0].tolist())
            cycles.append(host.cycles())
    expected = evaluate.logits(model, encoded).tolist()
    equal = logits == expected
    if json:
        print_json({"logits": logits, "cycles": cycles, "equal": equal, "parameters": machine.parameters})
    else:
        rows = [
            (one, str(got), f"{spent:,}", good("equal") if got == golden else bad("NOT EQUAL"))
            for one, got, golden, spent in zip(text, logits, expected, cycles, strict=True)
        ]
        print_table(("text", "logits", ">cycles", "against NumPy"), rows)
    if not equal:
        raise typer.Exit(1)
