"""`hwsim export`: a ticket as a file of standard integer operators, or as C."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from hwsim.cli.options import JsonOption, TicketArgument
from hwsim.cli.output import print_json, stdout, writable

EXAMPLE = "hwsim export sst2-tiny sst2-tiny.onnx --profile fast"
SUFFIXES = (".onnx", ".ort", ".c")


def command(
    ticket: TicketArgument,
    path: Annotated[Path, typer.Argument(metavar="OUT", help="The file to write: .onnx, .ort or .c.")],
    profile: Annotated[
        str, typer.Option("--profile", help="portable (any runtime) or fast (onnxruntime's family).")
    ] = "portable",
    distance: Annotated[
        str | None,
        typer.Option("--distance", help="memory, broadcast, unrolled or (fast) uint8; the profile's own."),
    ] = None,
    part: Annotated[str, typer.Option("--part", help="model, block or head.")] = "model",
    layer: Annotated[int, typer.Option("--layer", min=0, help="Which block or head.")] = 0,
    trace: Annotated[bool, typer.Option("--trace", help="Also output every named tensor.")] = False,
    card: Annotated[bool, typer.Option("--card", help="Also write a model card, OUT with .md.")] = False,
    json: JsonOption = False,
) -> None:
    """Write a ticket as ONNX (opset 17, integers, standard operators only), as .ort, or as C99.

    A name that ends in .ort gets onnxruntime's own format, one that ends in .c the model in C, which needs
    no runtime, with its header beside it. Refuses a ticket for which some intermediate cannot be proved to
    stay in range, naming it.
    """
    from hwsim import load_ticket
    from hwsim.files import write_atomic
    from hwsim.onnx_export import export_block, export_head, export_model, serialize
    from hwsim.onnx_export.card import card as model_card

    if path.suffix not in SUFFIXES:
        raise typer.BadParameter(f"{path}: the suffix must be {' or '.join(SUFFIXES)}", param_hint="OUT")
    if part not in ("model", "block", "head"):
        raise typer.BadParameter(f"{part!r} is not model, block or head", param_hint="--part")
    writable(path, "the exported file")
    if path.suffix == ".c":
        if (profile, distance, part, layer, trace, card) != ("portable", None, "model", 0, False, False):
            raise typer.BadParameter("C takes no option but --json", param_hint=str(path))
        _export_c(ticket, path, json)
        return
    loaded = load_ticket(ticket)
    form: dict[str, Any] = {"profile": profile, "distance": distance}
    if part == "model":
        model = export_model(loaded, trace, **form)
    elif part == "block":
        model = export_block(loaded, layer, trace, **form)
    else:
        model = export_head(loaded, layer, **form)
    content = serialize(model, path)
    write_atomic(path, content)
    result = {
        "path": str(path),
        "bytes": len(content),
        "profile": profile,
        "opset": model.opset_import[0].version,
        "nodes": len(model.graph.node),
        "inputs": [value.name for value in model.graph.input],
        "outputs": [value.name for value in model.graph.output],
        "card": None,
    }
    if card:
        text = model_card(model, loaded, path.name, len(content))
        result["card"] = str(write_atomic(path.with_suffix(".md"), text))
    if json:
        print_json(result)
    else:
        stdout().print(
            f"{path}: {result['bytes']:,} bytes, {result['nodes']} nodes of opset {result['opset']}, "
            f"inputs {', '.join(result['inputs'])}, {len(result['outputs'])} outputs"
        )


def _export_c(ticket: str, path: Path, json: bool) -> None:
    """OUT.c and OUT.h, with the flash and RAM they take."""
    from hwsim import load_ticket
    from hwsim.c99 import generate
    from hwsim.c99.build import sizes
    from hwsim.errors import MissingToolError
    from hwsim.files import write_atomic

    made = generate(load_ticket(ticket), path.stem.replace("-", "_"))
    header = path.with_suffix(".h")
    # The source includes its header under the model's name in C.
    write_atomic(header, made.header)
    write_atomic(path, made.source.replace(f'#include "{made.name}.h"', f'#include "{header.name}"', 1))
    try:
        code = sizes(made)["code"]
    except MissingToolError:
        code = None
    result = {
        "path": str(path),
        "header": str(header),
        "bytes": path.stat().st_size,
        "constants": made.flash,
        "code": code,
        "ram": made.ram,
    }
    if json:
        print_json(result)
        return
    about = "not measured: there is no C compiler" if code is None else f"{code:,} of code (gcc -Os, here)"
    stdout().print(
        f"{path} and {header.name}: flash {made.flash:,} bytes of constants + {about}; "
        f"RAM {made.ram:,} bytes; call {made.name}_run"
    )
