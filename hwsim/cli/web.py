"""`hwsim web`: a ticket on a page of its own, in the browser."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Annotated

import typer

from hwsim.cli.options import DEFAULT, JsonOption, TicketArgument
from hwsim.cli.output import print_json, stdout

EXAMPLE = "hwsim web sst2-tiny --port 8000"

FOLDER = Path("hwsim-output") / "web"


def command(
    ticket: TicketArgument = DEFAULT,
    out: Annotated[Path, typer.Option("--out", help="The folder of the site.")] = FOLDER,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Where to serve it; 0 for any that is free.")
    ] = 0,
    no_serve: Annotated[bool, typer.Option("--no-serve", help="Only build it.")] = False,
    json: JsonOption = False,
) -> None:
    """Build a static page that classifies sentences and shows who inhibits whom, and serve it on loopback.

    The folder needs nothing but a server of static files. Needs the npm package onnxruntime-web.
    """
    from hwsim import load_ticket
    from hwsim.web import Server, build

    files = build(load_ticket(ticket), Path(ticket).stem, out)
    result = {"folder": str(out), "files": files, "bytes": sum(files.values()), "url": None}
    if no_serve:
        if json:
            print_json(result)
        else:
            stdout().print(f"{out}: {len(files)} files, {result['bytes']:,} bytes")
        return
    with Server(out, port) as server:
        if json:
            print_json(result | {"url": server.url})
        else:
            stdout().print(f"{out}: {len(files)} files, {result['bytes']:,} bytes")
            stdout().print(f"until Ctrl-C at {server.url}")
        threading.Event().wait()
