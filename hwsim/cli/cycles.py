"""`hwsim cycles`: what a sentence takes on the accelerator, operation by operation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from hwsim.cli.options import DEFAULT, JsonOption, TicketArgument
from hwsim.cli.output import percent, print_json, print_table, stdout, writable

EXAMPLE = "hwsim cycles sst2-tiny --tokens 32 --plot cycles.svg"


def command(
    ticket: TicketArgument = DEFAULT,
    tokens: Annotated[int, typer.Option("--tokens", min=1, help="Real tokens of the sentence.")] = 32,
    lanes: Annotated[int, typer.Option("--lanes", help="Tokens side by side: 8, 16, 32 or 64.")] = 64,
    clock: Annotated[float, typer.Option("--clock", min=1.0, help="Clock in MHz, for rates.")] = 100.0,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Draw where the cycles go (.svg or .png).")
    ] = None,
    listing: Annotated[bool, typer.Option("--listing", help="Print every operation.")] = False,
    json: JsonOption = False,
) -> None:
    """Predict the clock cycles, memory traffic and energy of a sentence on the smallest accelerator.

    The prediction is exact: tests and `hwsim rtl run` hold it against the Verilog's own counter. Energies are
    for 45 nm from the cited table of `hwsim.energy`, all lanes counted.
    """
    from hwsim import load_ticket
    from hwsim.accelerator import chart, compile_ticket, fit
    from hwsim.accelerator.report import report

    if plot:
        writable(plot, "the plot")
    model = load_ticket(ticket)
    program = compile_ticket(model, fit(model, lanes))
    result: dict[str, Any] = {"ticket": ticket} | report(model, program, tokens, clock)
    if plot:
        result["plot"] = str(chart.draw(result, f"{ticket} on {lanes} lanes", plot))
    if json:
        print_json(result)
        return
    if listing:
        columns = ("", "operation", "tensor", ">cycles", ">entries", ">rows", ">reads A", ">reads S")
        print_table(columns, [_row(i, one) for i, one in enumerate(result["operations"])])
        stdout().print()
    total = result["cycles"]
    rows = [(term, f"{n:,}", percent(n / total)) for term, n in result["terms"].items()]
    print_table(("term", ">cycles", ">share"), [*rows, ("total", f"{total:,}", percent(1))])
    energy, parameters = result["nanojoules"], result["parameters"]
    stdout().print(
        f"\n{result['entries']:,} weight entries for {result['digits']:,} digits of the encoder; "
        f"linear layers take {percent(result['linear_over_entries'])} more cycles than entries.\n"
        f"{result['sentences_per_second']:,.0f} sentences a second at {clock:g} MHz "
        f"({result['microseconds']:,.0f} us each), {tokens} tokens.\n"
        f"{energy['total']:,.0f} nJ a sentence at 45 nm: {energy['arithmetic']:,.0f} arithmetic, "
        f"{energy['memory']:,.0f} memory reads.\n"
        f"Parameters: {', '.join(f'{name} {value}' for name, value in parameters.items())}"
    )
    print_table(
        (">density", ">linear", ">attention", ">norm", ">transfer"),
        [(f"{row['density']:g}", *(f"{row[term]:,}" for term in result["terms"])) for row in result["curve"]],
    )


def _row(number: int, one: dict[str, Any]) -> tuple[str, ...]:
    counts = (f"{one[name]:,}" for name in ("cycles", "entries", "rows", "reads_a", "reads_s"))
    return (str(number), one["operation"], one["tensor"], *counts)
