"""`hwsim rtl`: the Verilog on its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hwsim.cli import rtl_board, rtl_prove, rtl_run
from hwsim.cli.options import DEFAULT, JsonOption, SeedOption, TicketOption
from hwsim.cli.output import bad, good, print_json, print_report, print_table, stdout, writable

app = typer.Typer(
    help="The Verilog on its own: list, lint, prove, simulate, run whole tickets, look at waves.",
    no_args_is_help=True,
)
app.command("run", epilog=f"Example: {rtl_run.EXAMPLE}")(rtl_run.command)
app.command("bitstream", epilog=f"Example: {rtl_board.BITSTREAM_EXAMPLE}")(rtl_board.bitstream)
app.command("board", epilog=f"Example: {rtl_board.BOARD_EXAMPLE}")(rtl_board.board)
app.command("prove", epilog=f"Example: {rtl_prove.EXAMPLE}")(rtl_prove.command)


@app.command(epilog="Example: iverilog -g2005 -o inhibit $(hwsim rtl sources inhibit)")
def sources(
    module: Annotated[str | None, typer.Argument(help="Only the files this module needs.")] = None,
    json: JsonOption = False,
) -> None:
    """Print the paths of the Verilog files, one a line, for your own builds."""
    from hwsim import rtl

    paths = rtl.sources(module) if module else list(rtl.modules().values())
    if json:
        print_json([{"module": path.stem, "path": str(path)} for path in paths])
    else:
        print(*paths, sep="\n")


@app.command(epilog="Example: hwsim rtl lint inhibit")
def lint(
    module: Annotated[str | None, typer.Argument(help="Only this module; default all.")] = None,
    json: JsonOption = False,
) -> None:
    """Run Verilator -Wall and Icarus -g2005 -Wall; exit status 1 at the first kind of complaint."""
    from hwsim import rtl
    from hwsim.rtl_lint import lint as run

    found = {name: run(name) for name in ([module] if module else rtl.modules())}
    clean = not any(text for tools in found.values() for text in tools.values())
    if json:
        print_json({"clean": clean, "modules": found})
    else:
        rows = [
            (name, *(bad(text) if text else good("clean") for text in one.values()))
            for name, one in found.items()
        ]
        print_table(("module", "verilator -Wall", "iverilog -g2005 -Wall"), rows)
    if not clean:
        raise typer.Exit(1)


@app.command(epilog="Example: hwsim rtl simulate manhattan_norm --seed 3")
def simulate(
    operator: Annotated[str, typer.Argument(help="An operator of docs/arithmetic.md.")],
    seed: SeedOption = 0,
    json: JsonOption = False,
) -> None:
    """Run an operator's directed and random cases on its Verilog and compare with NumPy."""
    from hwsim.errors import MissingToolError
    from hwsim.verify import verify_operators

    report = verify_operators([operator], seed, ["rtl"])
    if "rtl" in report.skipped:
        raise MissingToolError(report.skipped["rtl"])
    if json:
        print_json({"operator": operator, "seed": seed, **report.to_dict()})
    else:
        print_report(report)
    if not report.ok:
        raise typer.Exit(1)


@app.command(epilog='Example: hwsim rtl waves head.vcd --text "A warm film." --layer 1 --head 2')
def waves(
    path: Annotated[Path, typer.Argument(metavar="OUT.vcd", help="The waveform to write.")],
    ticket: TicketOption = DEFAULT,
    text: Annotated[
        str, typer.Option("--text", help="The sentence.")
    ] = "A warm, funny and quietly moving film.",
    layer: Annotated[int, typer.Option("--layer", min=0, help="Which layer, from 0.")] = 0,
    head: Annotated[int, typer.Option("--head", min=0, help="Which head of it, from 0.")] = 0,
    stalls: Annotated[
        int | None, typer.Option("--stalls", min=0, help="Seed of random stalls; default none.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Simulate one attention head on a sentence, compare it with NumPy, and write every signal as VCD."""
    import numpy as np

    from hwsim import forward, load_ticket
    from hwsim.errors import HwsimError
    from hwsim.model import split_heads
    from hwsim.rtl import heads, sim, sources
    from hwsim.tokens import encode

    writable(path, "the waveform")
    model = load_ticket(ticket)
    config = model.config
    for what, value, count in (("layer", layer, config.layers), ("head", head, config.heads)):
        if value >= count:
            raise HwsimError(f"{what} {value}: this ticket has the {what}s 0..{count - 1}")
    encoded = encode(model, [text])
    trace = forward(model, encoded.token_ids, encoded.mask, trace=True).trace
    q, k, v, output = (
        split_heads(trace[f"layers.{layer}.{part}"], config.heads)[0, head]
        for part in ("q", "k", "v", "inhibit")
    )
    parameters = heads.head_parameters(model, len(q))
    with sim.build(heads.MODULE, sources(heads.MODULE), parameters, path) as simulation:
        simulation.reset()
        block = model.layers[layer]
        frame = heads.run_head(
            simulation,
            q,
            k,
            v,
            encoded.mask[0],
            int(block.delta[head]),
            score_shift=block.score_shift,
            inhibit_shift=block.inhibit_shift,
            signed=config.inhibition == "signed",
            bits=config.inhibit_bits,
            stalls=stalls,
        )
    score = trace[f"layers.{layer}.score"][0, head]
    equal = bool(np.array_equal(frame.score, score) and np.array_equal(frame.output, output))
    result = {"path": str(path), "bytes": path.stat().st_size, "cycles": frame.cycles, "equal": equal}
    if json:
        print_json(result | {"parameters": parameters, "tokens": len(q)})
    else:
        stdout().print(
            f"{path}: {result['bytes']:,} bytes; {len(q)} tokens in {frame.cycles:,} cycles, "
            f"{'equal to NumPy' if equal else 'NOT EQUAL to NumPy'}"
        )
    if not equal:
        raise typer.Exit(1)
