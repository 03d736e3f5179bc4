"""All commands in one place. A command's file imports only typer until it runs."""

from __future__ import annotations

from typing import Annotated

import typer

from hwsim import __version__
from hwsim.cli import (
    bench,
    check,
    cost,
    cycles,
    demo,
    distill,
    emulate,
    evaluate,
    export,
    info,
    onnx,
    options,
    results,
    rtl,
    runtimes,
    search,
    synth,
    tickets,
    train,
    verify,
    web,
)

app = typer.Typer(
    help="Integer-only Inhibitor Transformers: the same integers in NumPy, PyTorch, ONNX and Verilog.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"hwsim {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


plain = (
    demo,
    emulate,
    evaluate,
    verify,
    export,
    runtimes,
    web,
    check,
    info,
    cost,
    cycles,
    synth,
    tickets,
    results,
)
for module in plain:
    app.command(module.__name__.rsplit(".", 1)[-1], epilog=f"Example: {module.EXAMPLE}")(module.command)
example = f"Example: {distill.EXAMPLE}"
app.command("distill", cls=options.DistillFieldsCommand, epilog=example)(distill.command)
app.command("train", cls=options.FieldsCommand, epilog=f"Example: {train.EXAMPLE}")(train.command)
app.command("search", cls=options.FieldsCommand, epilog=f"Example: {search.EXAMPLE}")(search.command)
app.add_typer(onnx.app, name="onnx")
app.add_typer(rtl.app, name="rtl")
app.add_typer(bench.app, name="bench")
