"""The commands of `python -m hwsim.models.results`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from hwsim.config import ModelConfig
from hwsim.cost import Counts, beside_dense, compare, cost_of, dense_cost
from hwsim.errors import HwsimError, MissingToolError
from hwsim.files import read_record
from hwsim.metrics import METRICS
from hwsim.models import tasks
from hwsim.models.results import shipping
from hwsim.models.results.records import Record, append, existing, finished
from hwsim.models.results.shipping import Results, Row
from hwsim.models.results.summary import points, summarise, table
from hwsim.ticket import LINEARS, linear_shape
from hwsim.ticket_file import load_ticket

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help="Committed results.")
KEPT = ("task", "model", "seed", "dev", "test", "teacher", "answers", "density", "seconds", "device")
"""What is taken over from a run's metrics.json."""

for command in (shipping.stamp, shipping.exact, shipping.remake):
    example = shipping.EXAMPLES[command.__name__]
    app.command(epilog=f"Example: python -m hwsim.models.results {example}")(command)


@app.command()
def add(
    results: Results,
    row: Row,
    run: Annotated[Path, typer.Argument(help="A run's folder, or the record of a round of a search.")],
    command: Annotated[str, typer.Option(help="The command that makes the record again.")],
    tokens: Annotated[int, typer.Option(help="Length of the sequence whose cost is counted.")] = 32,
    like: Annotated[
        str,
        typer.Option(
            help="Without a ticket: one of its configuration. A float model costs what the float32 "
            "dot-product model does; a round of a search at most what its counts allow."
        ),
    ] = "",
    test: Annotated[
        Path | None, typer.Option(help="What hwsim evaluate --split test --json printed of its ticket.")
    ] = None,
) -> None:
    """Add the record of a finished training, with what its ticket costs."""
    found, ticket = finished(run)
    record = {"row": row, "command": command} | {name: found[name] for name in KEPT if name in found}
    if test is not None:
        scored = read_record(test)
        if scored.get("split") != "test" or scored.get("task") != record.get("task"):
            raise HwsimError(f"{test} holds no scores of {record.get('task')} test")
        record["test"] = scored["metrics"]
    if ticket.exists():
        loaded = load_ticket(ticket)
        if found.get("ticket") not in (None, loaded.digest()):
            raise HwsimError(f"{ticket} is not the ticket of this record; its integers are others")
        record |= {"density": loaded.density, "cost": compare(loaded, tokens), "ticket": loaded.digest()}
    elif like and run.is_dir():
        record["cost"] = {"ticket": dense_cost(load_ticket(like).config, tokens, "float32").to_dict()}
        record["cost_from"] = DENSE
    elif like:
        record |= {"cost": most(load_ticket(like).config, found, tokens), "cost_from": RECORDED}
    append(results, record)


DENSE = "the float32 dot-product model of its shape"
RECORDED = "counts in the record of the search, the classifier at its most digits"


def most(config: ModelConfig, found: Record, tokens: int) -> dict[str, Any]:
    """What a round of a search costs at most, from its record; its ticket was not kept.

    The record has the encoder's digits and the density of its integers. Only ternary layers have as many
    weights as their masks keep; of others the share is taken to be the same in all layers, where the masks'
    entropy is largest. A canonical int8 weight of the classifier has four digits at most. Raises HwsimError
    if `config` is ternary and the record is not.
    """
    sizes = [math.prod(linear_shape(config, name)) for _ in range(config.layers) for name in LINEARS]
    if config.weight_limit == 1:
        kept = [round(size * share) for size, share in zip(sizes, found["densities"].values(), strict=True)]
        if found["digits"] > sum(kept):
            raise HwsimError(
                f"the record has {found['digits']} digits in {sum(kept)} weights, which are not ternary; "
                "name a ticket of their grid with --like"
            )
    else:
        # Rounded so that the sum is that of the record.
        kept = np.diff(np.round(np.cumsum([0, *sizes]) * found["density_integer"])).astype(int).tolist()
    counts = Counts(tuple(kept), found["digits"], 4 * config.classes * config.width)
    return beside_dense(config, cost_of(config, counts, tokens))


@app.command()
def majority(results: Results, prepared: Annotated[Path, typer.Argument(help="A prepared task.")]) -> None:
    """Add what the commonest training label reaches (in a regression task: the mean score)."""
    task = tasks.read(prepared)
    labels = task.splits["train"].labels[task.splits["train"].known]
    said = labels.mean() if task.task.regression else np.bincount(labels.astype(int)).argmax()
    scores = {}
    for name in ("dev", "test"):
        if (split := task.splits.get(name)) is not None:
            known = split.labels[split.known]
            answers = np.full(len(known), said)
            scores[name] = {metric: METRICS[metric](answers, known) for metric in task.task.metrics}
    command = f"python -m hwsim.models.results majority {results} {prepared}"
    append(results, {"row": "majority", "command": command, "task": task.task.name, "seed": 0} | scores)


@app.command("table")
def print_table(results: Results) -> None:
    """Print the Markdown table."""
    print(table(existing(results)))


@app.command()
def plot(
    results: Results,
    out: Annotated[Path, typer.Argument(help="A .png or .svg file.")],
    axis: Annotated[str, typer.Option(help="density, adds_per_token or energy.")] = "energy",
) -> None:
    """Plot each row's dev score against density, additions or energy."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingToolError("a plot needs matplotlib: pip install 'hwsim[plots]'") from error
    records = existing(results)
    shown = points(records, axis)
    if not shown:
        raise HwsimError(f"{results}: no row has a {axis}")
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    middle = np.sqrt(min(x for _, x, *_ in shown) * max(x for _, x, *_ in shown))
    for name, x, y, deviation in shown:
        axes.errorbar([x], [y], yerr=[deviation or 0.0], fmt="o", capsize=3)
        side, gap = ("left", 6) if x <= middle else ("right", -6)
        axes.annotate(name, (x, y), textcoords="offset points", xytext=(gap, 4), fontsize=8, ha=side)
    axes.set_xscale("log")
    axes.set_xlabel(
        {"energy": "nJ a token at 45 nm, reads once", "density": "density"}.get(axis, "adds a token")
    )
    axes.set_ylabel(f"{next(iter(summarise(records)[0].scores))}, mean and deviation over seeds")
    axes.grid(alpha=0.3)
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=150)
