"""`hwsim tickets`: the shipped tickets."""

from __future__ import annotations

from typing import Any

from hwsim.cli.options import JsonOption
from hwsim.cli.output import percent, print_json, print_table

EXAMPLE = "hwsim tickets --json"


def command(json: JsonOption = False) -> None:
    """List the tickets that come with hwsim; their names work wherever a TICKET is expected."""
    from hwsim import load_ticket
    from hwsim.tickets import find, shipped

    listed: list[dict[str, Any]] = []
    for name in shipped():
        ticket = load_ticket(name)
        listed.append(
            {
                "name": name,
                "density": ticket.density,
                "digits": ticket.digits,
                "bytes": find(name).stat().st_size,
                "metrics": ticket.metrics,
            }
        )
    if json:
        print_json(listed)
        return
    rows = [
        (
            one["name"],
            percent(one["density"]),
            f"{one['digits']:,}",
            f"{one['bytes']:,}",
            ", ".join(f"{key} {percent(value)}" for key, value in one["metrics"].items()),
        )
        for one in listed
    ]
    print_table(("name", ">density", ">digits", ">bytes", "accuracy"), rows)
