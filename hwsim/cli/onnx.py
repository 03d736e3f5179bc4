"""`hwsim onnx`: check ONNX files that nobody vouches for, and count what they cost."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from hwsim.cli.options import JsonOption
from hwsim.cli.output import bad, good, print_json, print_table, stderr, stdout

app = typer.Typer(help="Look into plain-integer ONNX files.", no_args_is_help=True)

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="An ONNX file, trusted or not.")]


@app.command("check", epilog="Example: hwsim onnx check sst2-tiny.onnx")
def check(path: FileArgument, json: JsonOption = False) -> None:
    """Accept a file only if it is a bounded integer graph; never run or follow anything in it.

    Exit status 1, with file, node and reason, for any other file.
    """
    from hwsim.onnx_export.load import OnnxFileError, load_model

    said: dict[str, Any] = {"file": str(path), "ok": False, "node": None, "reason": None}
    try:
        model = load_model(path)
    except OnnxFileError as error:
        if json:
            print_json(said | {"node": error.node or None, "reason": error.reason})
        else:
            stderr().print(bad(str(error)))
        raise typer.Exit(1) from None
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    keys = ("format", "format_version", "profile", "part", "rounding", "ticket")
    said |= {
        "ok": True,
        "nodes": dict(sorted(Counter(node.op_type for node in model.graph.node).items())),
        "inputs": [value.name for value in model.graph.input],
        "outputs": [value.name for value in model.graph.output],
        "metadata": {key: metadata.get(key) for key in keys},
    }
    if json:
        print_json(said)
        return
    stdout().print(good(f"{path}: accepted"))
    stdout().print(
        f"{len(model.graph.node)} nodes, inputs {', '.join(said['inputs'])}, {len(said['outputs'])} outputs"
    )
    print_table(("it says of itself", ""), [(key, value or "-") for key, value in said["metadata"].items()])


@app.command("cost", epilog="Example: hwsim onnx cost sst2-tiny.onnx --tokens 32")
def cost(
    path: FileArgument,
    tokens: Annotated[int, typer.Option("--tokens", min=1, help="Length of the sequences.")] = 32,
    batch: Annotated[int, typer.Option("--batch", min=1, help="How many sequences.")] = 1,
    json: JsonOption = False,
) -> None:
    """Count additions, multiplications and divisions by type, and bytes, as a runtime executes the graph."""
    from hwsim.onnx_export.cost import COUNTS
    from hwsim.onnx_export.cost import cost as count
    from hwsim.onnx_export.load import load_model

    result = {"file": str(path)} | count(load_model(path), tokens, batch)
    if json:
        print_json(result)
        return
    rows = [(kind, *(f"{found[what]:,}" for what in COUNTS)) for kind, found in result["operations"].items()]
    rows.append(("all", *(f"{result[what]:,}" for what in COUNTS)))
    print_table(("type", *(f">{what}" for what in COUNTS)), rows)
    print_table(("bytes", ">"), [(name, f"{size:,}") for name, size in result["bytes"].items()])
    stdout().print(", ".join(f"{count} {kind}" for kind, count in result["nodes"].items()))
