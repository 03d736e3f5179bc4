"""All commands in one place. A command's file imports only typer until it runs."""

from __future__ import annotations

from typing import Annotated

import typer

from hwsim import __version__
from hwsim.cli import check, demo, emulate, export, info, rtl, tickets, verify

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


for module in (demo, emulate, verify, export, check, info, tickets):
    app.command(module.__name__.rsplit(".", 1)[-1], epilog=f"Example: {module.EXAMPLE}")(module.command)
app.add_typer(rtl.app, name="rtl")
