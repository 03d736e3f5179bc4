"""`hwsim synth`: what a module costs on an FPGA."""

from __future__ import annotations

import json as json_module
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from hwsim.cli.options import JsonOption
from hwsim.cli.output import print_json, print_table, stderr, stdout, writable

EXAMPLE = "hwsim synth accelerator -p Lanes=16 -p Width=128 --seeds 3 --out core16.json"


def command(
    module: Annotated[str, typer.Argument(help="A Verilog module (`hwsim rtl sources`).")] = "accelerator",
    parameter: Annotated[
        list[str] | None,
        typer.Option("--parameter", "-p", metavar="NAME=VALUE", help="Of the module; may be given again."),
    ] = None,
    family: Annotated[str, typer.Option("--family", help="ecp5, or ice40 (area only).")] = "ecp5",
    seeds: Annotated[
        int | None,
        typer.Option("--seeds", min=0, help="Place and route so often; 0: area only. Default 3 on ecp5."),
    ] = None,
    part: Annotated[
        str | None, typer.Option("--part", help="25k, 45k or 85k; default the smallest that holds it.")
    ] = None,
    dsp: Annotated[bool, typer.Option("--dsp", help="Let multiplications use hard multipliers.")] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Keep the record here, too, and go on with it."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Area by yosys, and the clock that nextpnr reaches on an ECP5 of speed grade 6, seed by seed.

    The module is placed alone: every input comes from a register and every output goes into one. A whole core
    takes minutes a seed; with --out the same command goes on behind the last seed that is finished.
    """
    from hwsim.files import read_record, write_atomic
    from hwsim.synth import COLUMNS, SEEDS, cost, summary

    if out:
        writable(out, "the record")
    number = seeds if seeds is not None else len(SEEDS) if family == "ecp5" else 0
    known = read_record(out) if out and out.exists() else None

    def keep(record: Mapping[str, Any]) -> None:
        if out:
            write_atomic(out, json_module.dumps(record, indent=1) + "\n")

    with stderr().status("yosys") as status:
        record = cost(
            module,
            parameters(parameter or []),
            family,
            range(1, number + 1),
            dsp,
            part,
            status.update,
            known,
            keep,
        )
    keep(record)
    if json:
        print_json(record)
        return
    print_table((COLUMNS[0], *(f">{name}" for name in COLUMNS[1:])), [summary(record)])
    if "part" in record:
        path = record["critical_path"]
        stdout().print(
            f"\n{record['part']}, speed grade {record['speed_grade']}. Critical path of the slowest seed: "
            f"{sum(step['ns'] for step in path):.1f} ns, {record['routing_share']:.0%} of it wire, "
            f"into {path[-1]['to']}"
        )


def parameters(given: list[str]) -> dict[str, int]:
    """The values of -p options. Raises BadParameter for one that is not NAME=VALUE."""
    values = {}
    for one in given:
        name, _, value = one.partition("=")
        if not name.isidentifier() or not value.isdecimal():
            raise typer.BadParameter(f"{one!r} is not NAME=VALUE with a whole number", param_hint="-p")
        values[name] = int(value)
    return values
