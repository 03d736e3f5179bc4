"""`hwsim bench`: how fast the emulator is beside other software."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from hwsim.cli.options import JsonOption
from hwsim.cli.output import print_json, print_table, stdout, writable

app = typer.Typer(help="How fast the emulator is beside other software.", no_args_is_help=True)


@app.callback()
def _bench() -> None:
    """Keeps `cpu` a command of its own while it is the only one."""


@app.command(epilog="Example: hwsim bench cpu --out cpu.json --plot cpu.svg")
def cpu(
    out: Annotated[Path | None, typer.Option("--out", help="Also write the record as JSON.")] = None,
    plot: Annotated[Path | None, typer.Option("--plot", help="Also draw it, as SVG or PNG.")] = None,
    markdown: Annotated[Path | None, typer.Option("--markdown", help="Also write the tables.")] = None,
    record: Annotated[
        Path | None, typer.Option("--record", help="Show this record; measures nothing.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Tiny sizes: a test, not a measurement.")] = False,
    json: JsonOption = False,
) -> None:
    """Time the kernels on one thread against torch, onnxruntime, NumPy and int8 dot-product attention.

    All run in one process, in turn; times are medians with quartiles in microseconds, ratios are a peer's
    time / ours. Wants a quiet machine.
    """
    import json as encoder

    from hwsim.errors import HwsimError
    from hwsim.files import read_record, write_atomic

    for path, what in ((out, "--out"), (plot, "--plot"), (markdown, "--markdown")):
        if path:
            writable(path, what)
    if plot and plot.suffix not in (".svg", ".png"):
        raise HwsimError(f"--plot {plot}: a picture ends in .svg or .png")
    from hwsim.models.bench import cpu as bench
    from hwsim.models.bench import machine, report

    found: dict[str, Any] = read_record(record) if record else bench.record(quick)
    if out:
        write_atomic(out, encoder.dumps(found, indent=1) + "\n")
    if markdown:
        write_atomic(markdown, report.markdown(found) + "\n")
    if plot:
        report.plot(found, plot)
    if json:
        print_json(found)
        return
    stdout().print(machine.words(found))
    for title, columns, lines in report.sections(found):
        stdout().print(f"\n{title}")
        print_table([f">{column}" for column in columns], lines)
