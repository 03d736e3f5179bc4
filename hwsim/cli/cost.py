"""`hwsim cost`: what a ticket costs in additions, memory and energy, beside dot-product attention."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from hwsim.cli.options import DEFAULT, JsonOption, TicketArgument
from hwsim.cli.output import print_json, print_table, stdout

EXAMPLE = "hwsim cost sst2-tiny --tokens 32"


def command(
    ticket: TicketArgument = DEFAULT,
    tokens: Annotated[int, typer.Option("--tokens", min=1, help="Real tokens of the sequence.")] = 32,
    json: JsonOption = False,
) -> None:
    """Count a ticket's operations, bits, memory and energy for one sequence.

    Beside it stands the dense dot-product model of the same shape, in float32 and in int8. Energies are for
    45 nm from the cited table of `hwsim.energy`.
    """
    from hwsim import load_ticket
    from hwsim.cost import compare

    result = {"model": ticket} | compare(load_ticket(ticket), tokens)
    if json:
        print_json(result)
        return
    models = ("ticket", "float32", "int8")
    titles = ("", ">this ticket", ">dot product, float32", ">dot product, int8")
    print_table(titles, [(name, *(cell(result[m], path) for m in models)) for name, path in ROWS])
    stdout().print(
        f"{tokens} tokens; 45 nm. Memory reads lie between reading every tensor once (weights once a "
        "sequence) and fetching every operand (weights once a token)."
    )


ROWS = (
    ("parameters", "parameters"),
    ("encoder weights", "encoder_weights"),
    ("non-zero digits", "nonzero_digits"),
    ("bits of weights", "bits.weights"),
    ("bits of masks", "bits.mask"),
    ("entropy of masks", "bits.mask_entropy"),
    ("bits of everything", "bits.total"),
    ("adds a token", "adds_per_token"),
    ("multiplies a token", "multiplies_per_token"),
    ("activation bytes", "activation_bytes"),
    ("nJ a token, arithmetic", "nanojoules_per_token.arithmetic"),
    ("nJ a token, reads, once", "nanojoules_per_token.memory_once"),
    ("nJ a token, reads, each use", "nanojoules_per_token.memory_each_use"),
    ("weights live in", "memories.encoder"),
    ("tables live in", "memories.tables"),
    ("activations live in", "memories.activations"),
)


def cell(model: dict[str, Any], path: str) -> str:
    """The value at a dotted path, as shown."""
    value: Any = model
    for name in path.split("."):
        value = value[name]
    return value if isinstance(value, str) else f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
