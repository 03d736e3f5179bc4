"""`hwsim rtl prove`: the formal properties of the Verilog."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from hwsim.cli.options import JsonOption
from hwsim.cli.output import bad, good, print_json, print_table, progress_bar

EXAMPLE = "hwsim rtl prove lane_output_rounds --bugs"


def command(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[PROPERTY]...", help="Only these; default all quick ones.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Those of more than ten seconds, too.")] = False,
    bugs: Annotated[bool, typer.Option("--bugs", help="Plant each one's bug as well: it must fail.")] = False,
    json: JsonOption = False,
) -> None:
    """Prove the properties of rtl/formal with yosys and z3; exit status 1 if one does not hold."""
    from hwsim.errors import HwsimError
    from hwsim.rtl.proofs import PROOFS, prove, prove_wrong

    known = {proof.name: proof for proof in PROOFS}
    for name in names or ():
        if name not in known:
            raise HwsimError(f"no property {name!r}; the properties are {', '.join(known)}")
    chosen = [known[name] for name in names] if names else [p for p in PROOFS if everything or not p.long]
    results: list[dict[str, Any]] = []
    with progress_bar() as bar:
        task = bar.add_task("", total=len(chosen))
        for proof in chosen:
            bar.update(task, description=proof.name)
            verdict = prove(proof)
            result = {
                "property": proof.name,
                "claim": proof.claim,
                "clocks": proof.clocks,
                "for_ever": proof.induction or proof.feed_forward,
                "holds": verdict.holds,
                "failed": verdict.failed,
                "seconds": round(verdict.seconds, 1),
            }
            if bugs:
                wrong = prove_wrong(proof)
                result["bug"] = {
                    "module": proof.bug.module,
                    "text": proof.bug.text,
                    "instead": proof.bug.instead,
                    "found": wrong.counterexample,
                    "failed": wrong.failed,
                    "seconds": round(wrong.seconds, 1),
                }
            results.append(result)
            bar.advance(task)
    ok = all(one["holds"] and (not bugs or one["bug"]["found"]) for one in results)
    if json:
        print_json({"ok": ok, "properties": results})
    else:
        heads = ("property", ">clocks", "reach", "real module", *(["with its bug"] if bugs else []), ">s")
        rows = []
        for one in results:
            row = [one["property"], str(one["clocks"]), "for ever" if one["for_ever"] else "so many clocks"]
            row.append(good("holds") if one["holds"] else bad(f"FAILS at {one['failed']}"))
            if bugs:
                row.append(good("fails") if one["bug"]["found"] else bad("NOT FOUND"))
            rows.append((*row, f"{one['seconds']:.1f}"))
        print_table(heads, rows)
    if not ok:
        raise typer.Exit(1)
