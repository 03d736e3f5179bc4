"""`hwsim check`: the proof that nothing overflows."""

from __future__ import annotations

import dataclasses

import typer

from hwsim.cli.options import DEFAULT, JsonOption, TicketArgument
from hwsim.cli.output import bad, good, print_json, print_table, stdout

EXAMPLE = "hwsim check sst2-tiny"


def command(ticket: TicketArgument = DEFAULT, json: JsonOption = False) -> None:
    """Bound every accumulator of a ticket, from its actual weights, against the width it has.

    Exit status 1 if one may overflow for some input up to the longest sequence.
    """
    from hwsim import load_ticket
    from hwsim.ranges import prove

    bounds = prove(load_ticket(ticket))
    judged = [
        dataclasses.asdict(bound) | {"limit": bound.limit, "excess": bound.excess, "ok": bound.ok}
        for bound in bounds
    ]
    ok = all(bound.ok for bound in bounds)
    if json:
        print_json({"ticket": ticket, "ok": ok, "bounds": judged})
    else:
        rows = [
            (
                bound.name,
                bound.what,
                bound.profile,
                f"{bound.low:,}",
                f"{bound.high:,}",
                f"{bound.limit:,}",
                good("fits") if bound.ok else bad(f"exceeds by {bound.excess:,}"),
            )
            for bound in bounds
        ]
        print_table(("accumulator", "what", "profile", ">lowest", ">highest", ">limit", ""), rows)
        stdout().print(good("nothing can overflow") if ok else bad("this ticket may overflow"))
    if not ok:
        raise typer.Exit(1)
