"""`hwsim distill`: fine-tune a teacher and teach a student, as a configuration file says."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from hwsim.cli.options import JsonOption
from hwsim.cli.output import print_json, progress_bar, resumable, stdout

EXAMPLE = "hwsim distill teacher --set task.name=trec --set task.folder=runs/prepared"


def command(
    config: Annotated[
        str, typer.Argument(metavar="CONFIG", help="A .toml, .yaml or .json file, or a shipped name.")
    ],
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=VALUE", help="Change a field; may be given again."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Fine-tune a teacher, teach a student, and write its ticket and record.

    Every stage is kept in a folder named by the hash of what decides it: one that is finished is not run
    again, one that was stopped goes on from its last checkpoint.
    """
    from hwsim.models.distill.config import load

    loaded = load(config, assignments or ())
    from hwsim.models.distill.run import Distillation

    with resumable(loaded.run.folder), progress_bar() as progress:
        bars: dict[str, Any] = {}

        def watch(stage: str, step: int, steps: int, loss: float) -> None:
            if stage not in bars:
                bars[stage] = progress.add_task(stage, total=steps)
            progress.update(bars[stage], completed=step, description=f"{stage}, loss {loss:.4f}")

        record = Distillation(loaded, watch).run()
    if json:
        print_json(record)
        return
    for who, scores in (("teacher", record["teacher"]["dev"]), ("student", record["dev"])):
        if who == "teacher" or record["recipe"] != "teacher":
            shown = ", ".join(f"{name} {value:.4f}" for name, value in scores.items())
            stdout().print(f"{record['task']} dev, {who}: {shown}", soft_wrap=True)
    stdout().print(f"{record['seconds']:.0f} s on {record['device']}; {record['folder']}", soft_wrap=True)
