"""`hwsim info`: what a ticket is, what it costs, how good it is and where it comes from."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

from hwsim.cli.options import DEFAULT, JsonOption, TicketArgument
from hwsim.cli.output import percent, print_json, print_table, stdout

if TYPE_CHECKING:
    from hwsim.ticket import Ticket

EXAMPLE = "hwsim info sst2-tiny"


def command(ticket: TicketArgument = DEFAULT, json: JsonOption = False) -> None:
    """Show a ticket's architecture, density, digits, size, accuracy and provenance."""
    from hwsim import load_ticket
    from hwsim.tickets import find

    result = _facts(load_ticket(ticket), find(ticket).stat().st_size)
    if json:
        print_json({"ticket": ticket} | result)
        return
    out = stdout()
    print_table(("architecture", ""), [(k, str(v)) for k, v in result["architecture"].items()])
    out.print()
    rows = [
        (name, f"{layer['weights']:,}", percent(layer["density"]), f"{layer['digits']:,}")
        for name, layer in result["layers"].items()
    ]
    rows.append(
        ("all of these", f"{result['weights']:,}", percent(result["density"]), f"{result['digits']:,}")
    )
    print_table(("linear layer", ">weights", ">density", ">digits"), rows)
    out.print(f"with embedding tables and classifier the density is {percent(result['density_all'])}")
    out.print(
        f"{result['bytes']:,} bytes on disk; the masks take {result['mask_bytes']:,} of them, "
        f"their entropy is {result['mask_entropy_bytes']:,}"
    )
    out.print()
    print_table(("accuracy", ""), [(name, percent(value)) for name, value in result["metrics"].items()])
    out.print()
    print_table(("provenance", ""), [(k, str(v)) for k, v in result["provenance"].items()])
    out.print(f"SHA-256 of what decides its outputs: {result['digest']}")


def _facts(ticket: Ticket, size: int) -> dict[str, Any]:
    import numpy as np

    from hwsim import digits
    from hwsim.cost import entropy

    layers = {
        name: {
            "weights": linear.weight.size,
            "density": np.count_nonzero(linear.weight) / linear.weight.size,
            "digits": digits.count(linear.weight),
        }
        for name, linear in ticket.encoder()
    }
    ideal = sum(linear.weight.size * entropy(layers[name]["density"]) for name, linear in ticket.encoder())
    return {
        "architecture": dataclasses.asdict(ticket.config) | {"labels": list(ticket.labels)},
        "layers": layers,
        "weights": sum(layer["weights"] for layer in layers.values()),
        "density": ticket.density,
        "density_all": ticket.density_all,
        "digits": ticket.digits,
        "bytes": size,
        "mask_bytes": sum(-(-layer["weights"] // 8) for layer in layers.values()),
        "mask_entropy_bytes": math.ceil(ideal / 8),
        "metrics": ticket.metrics,
        "provenance": ticket.provenance,
        "digest": ticket.digest(),
    }
