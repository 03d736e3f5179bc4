"""`hwsim search`: sparse tickets by a pruning method, at several densities and seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hwsim.cli.options import JsonOption, given
from hwsim.cli.output import percent, print_json, print_table, progress_bar, resumable, stdout

EXAMPLE = "hwsim search tiny --method iterative --densities 0.6,0.36 --seeds 0,1"
OF_A_SEARCH = ("method", "densities", "seeds", "trainer")
OF_A_GRID = ("cells", "local", "workers", "address")
"""Options that only one of both reads."""


def command(
    context: typer.Context,
    config: Annotated[
        str,
        typer.Argument(
            metavar="[CONFIG]",
            help="As in hwsim train: a file, a folder, or a shipped name; not with --grid.",
        ),
    ] = "",
    method: Annotated[
        str, typer.Option("--method", help="How tickets are found (docs/pruning.md).")
    ] = "iterative",
    densities: Annotated[
        str,
        typer.Option("--densities", help="As 0.8,0.64; or ladder:0.1, 20 % less a round to at most 0.1."),
    ] = "ladder:0.2",
    seeds: Annotated[str, typer.Option("--seeds", help="Of weights, order and dropout, as 0,1,2.")] = "0",
    trainer: Annotated[
        str,
        typer.Option(
            "--trainer",
            help="side_by_side: all seeds at once; together: as one batched model; one_by_one.",
        ),
    ] = "side_by_side",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="Where results go (runs/search; runs/grid); what is there already is not run again.",
        ),
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=VALUE", help="Change a field of CONFIG; may be given again."),
    ] = None,
    grid: Annotated[
        str,
        typer.Option(
            "--grid", help="Run a grid of searches instead (docs/grid.md): a file, or a shipped name."
        ),
    ] = "",
    cells: Annotated[str, typer.Option("--cells", help="Of a grid, only these cells, as ternary,int4.")] = "",
    local: Annotated[
        bool, typer.Option("--local", help="Run a grid in this process, cell after cell, without Ray.")
    ] = False,
    workers: Annotated[
        int, typer.Option("--workers", min=0, help="Cells of a grid at once, by Ray; 0: one a processor.")
    ] = 0,
    address: Annotated[
        str, typer.Option("--address", help="A Ray cluster that runs a grid; by default this machine does.")
    ] = "",
    json: JsonOption = False,
) -> None:
    """Train, prune, rewind and train again as the method says, and write every round's ticket and record.

    Rule, rewind point and the timing of gradual pruning are the fields pruning.rule, pruning.rewind,
    pruning.start, pruning.end and pruning.every of CONFIG; its seed, method and density are not used.

    A grid says all this in its file and takes no CONFIG, --method, --densities, --seeds or --trainer.
    """
    if bool(config) == bool(grid):
        raise typer.BadParameter("name a configuration or, with --grid, a grid", param_hint="CONFIG")
    _check_options(context, bool(grid), local)
    if grid:
        from hwsim.cli.grid import How, run_grid

        chosen, how = cells.split(",") if cells else [], How(local, workers, address)
        run_grid(grid, chosen, out or Path("runs/grid"), assignments or (), how, json)
        return
    from hwsim.models.pruning.registry import method_named
    from hwsim.models.runs.config import load
    from hwsim.models.search import search
    from hwsim.models.search.from_config import setup_from

    loaded = load(config, assignments or ())
    method_named(method)
    folder = out or Path("runs/search")
    wanted, of_runs = _densities(densities), [int(seed) for seed in _numbers(seeds, int, "--seeds")]
    if min(of_runs) < 0 or max(of_runs) >= 1 << 32:
        raise typer.BadParameter("a seed lies in 0..2^32-1", param_hint="--seeds")
    with resumable(folder), progress_bar() as bar:
        task = bar.add_task(method, total=None)
        setup = setup_from(loaded, trainer, lambda step, steps: bar.update(task, completed=step, total=steps))

        def report(name: str, number: int, count: int) -> None:
            bar.reset(task, description=f"{name}, round {number + 1} of {count}")

        records = search(setup, folder, method, wanted, of_runs, report)
    if json:
        print_json(records)
        return
    rows = []
    for record in records:
        metrics = ", ".join(f"{name} {value:.4f}" for name, value in record["metrics"].items())
        rows.append((record["round"], str(record["seed"]), percent(record["density_integer"]), metrics))
    print_table(("round", ">seed", ">density", "dev"), rows)
    stdout().print(f"records and tickets are in {folder}", soft_wrap=True)


def _check_options(context: typer.Context, grid: bool, local: bool) -> None:
    """Raises BadParameter for an option that would say nothing."""
    if wrong := given(context, *(OF_A_SEARCH if grid else OF_A_GRID)):
        fix = "a grid says this in its file (docs/grid.md); leave it out" if grid else "it needs a --grid"
        raise typer.BadParameter(fix, param_hint=wrong[0])
    if local and (wrong := given(context, "workers", "address")):
        raise typer.BadParameter("--local runs without Ray; leave one of both out", param_hint=wrong[0])


def _densities(text: str) -> list[float]:
    from hwsim.models.pruning.plan import ladder

    kind, _, final = text.partition(":")
    if kind == "ladder":
        return ladder(_numbers(final, float, "--densities")[0])
    return _numbers(text, float, "--densities")


def _numbers(text: str, kind: type, option: str) -> list[float]:
    try:
        return [kind(part) for part in text.split(",")]
    except ValueError as error:
        raise typer.BadParameter(
            f"{text!r} is not a list of numbers like {'0,1,2' if kind is int else '0.5,0.25'}",
            param_hint=option,
        ) from error
