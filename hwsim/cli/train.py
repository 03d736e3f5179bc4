"""`hwsim train`: a training run from a configuration file, in a folder named by its hash."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from hwsim.cli.options import JsonOption
from hwsim.cli.output import percent, print_json, progress_bar, stderr, stdout

EXAMPLE = "hwsim train tiny --set training.epochs=6"


def command(
    config: Annotated[
        str,
        typer.Argument(
            metavar="CONFIG", help="A .toml, .yaml or .json file, a run's folder, or a shipped name."
        ),
    ],
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=VALUE", help="Change a field; may be given again."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Train, prune and evaluate a model as a configuration says, and write its ticket.

    The run's folder is named by the hash of the configuration. A run that was stopped goes on from its
    last checkpoint to the same result; a finished one is not run again. Ctrl-C writes a checkpoint first.
    """
    from hwsim.models.runs.config import load

    loaded = load(config, assignments or ())
    from hwsim.models.runs.folder import RunFolder
    from hwsim.models.runs.processes import rank
    from hwsim.models.runs.runner import execute

    folder = RunFolder(loaded)
    with progress_bar() as progress:
        bars: dict[str, Any] = {}

        def watch(name: str, step: int, steps: int) -> None:
            if name not in bars:
                bars[name] = progress.add_task(name, total=steps)
            progress.update(bars[name], completed=step)

        try:
            record = execute(loaded, watch if rank() == 0 else lambda name, step, steps: None)
        except KeyboardInterrupt as stop:
            if rank() == 0:
                stderr().print(f"hwsim: {stop}", soft_wrap=True)
            raise typer.Exit(130) from stop
    if rank():
        return
    if json:
        print_json({"folder": str(folder.path), **record})
        return
    dev = ", ".join(f"{name} {value:.4f}" for name, value in record["dev"].items())
    stdout().print(
        f"{record['task']}, {record['model']} model, seed {record['seed']}: {dev} on dev, "
        f"{percent(record['density'])} of the encoder's weights kept\n"
        f"{record['steps']:,} steps in {record['seconds']:.0f} s on {record['device']}",
        soft_wrap=True,
    )
    stdout().print(f"{folder.ticket if record['ticket'] else folder.path}", soft_wrap=True)
