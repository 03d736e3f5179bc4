"""`hwsim export`: a ticket as an ONNX file of standard integer operators."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hwsim.cli.options import JsonOption, TicketArgument
from hwsim.cli.output import print_json, stdout, writable

EXAMPLE = "hwsim export sst2-tiny sst2-tiny.onnx"


def command(
    ticket: TicketArgument,
    path: Annotated[Path, typer.Argument(metavar="OUT.onnx", help="The file to write.")],
    trace: Annotated[bool, typer.Option("--trace", help="Also output every named tensor.")] = False,
    json: JsonOption = False,
) -> None:
    """Write a ticket as ONNX: opset 17, int32, standard operators only.

    Refuses a ticket for which some intermediate cannot be proved to stay below 2^24, naming it.
    """
    from hwsim import load_ticket
    from hwsim.files import write_atomic
    from hwsim.onnx_export import export_model

    writable(path, "the ONNX file")
    model = export_model(load_ticket(ticket), trace=trace)
    content = model.SerializeToString()
    write_atomic(path, content)
    result = {
        "path": str(path),
        "bytes": len(content),
        "opset": model.opset_import[0].version,
        "nodes": len(model.graph.node),
        "inputs": [value.name for value in model.graph.input],
        "outputs": [value.name for value in model.graph.output],
    }
    if json:
        print_json(result)
    else:
        stdout().print(
            f"{path}: {result['bytes']:,} bytes, {result['nodes']} nodes of opset {result['opset']}, "
            f"inputs {', '.join(result['inputs'])}, {len(result['outputs'])} outputs"
        )
