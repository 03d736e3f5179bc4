"""The commands that ship a ticket: what its record says, whether it is exact, and making it again."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated

import typer

from hwsim.cli.options import JsonOption
from hwsim.cli.output import print_json, progress_bar, resumable, stderr
from hwsim.errors import HwsimError
from hwsim.models import tasks
from hwsim.models.results import remake as making
from hwsim.models.results.exact import is_exact, judge
from hwsim.models.results.records import amend, finished, of, score
from hwsim.ticket_file import load_ticket, save_ticket

Results = Annotated[Path, typer.Argument(help="The JSON file of a task's results.")]
Row = Annotated[str, typer.Argument(help="The row's name.")]
Seed = Annotated[int, typer.Argument(help="The record's seed.")]

EXAMPLES = {
    "stamp": "stamp models/results/trec.json ROW SEED TICKET OUT --about models/results/about/trec-tiny.toml",
    "exact": 'exact models/results/sst2.json "integer inhibitor, ternary, 20 % ticket, distilled" 0 '
    "sst2-tiny runs/prepared/sst2.safetensors",
    "remake": "remake sst2-small --into remade",
}


def stamp(
    results: Results,
    row: Row,
    seed: Seed,
    ticket: Annotated[Path, typer.Argument(help="The trained ticket.")],
    out: Annotated[Path, typer.Argument(help="The ticket with its metrics and provenance.")],
    about: Annotated[Path, typer.Option(help="A TOML file: data, teacher, initialisation, terms, commands.")],
) -> None:
    """Write what a record says into a copy of its ticket, to be shipped."""
    loaded = load_ticket(ticket)
    record = of(results, row, seed, loaded.digest())
    splits = [split for split in ("dev", "test") if split in record]
    metrics = {f"{record['task']}_{split}": score(record, split) for split in splits}
    try:
        provenance = tomllib.loads(about.read_text())
    except (OSError, ValueError) as error:
        raise HwsimError(f"{about}: not a readable TOML file ({error})") from error
    provenance["training"] = {name: record[name] for name in ("command", "seed", "seconds", "device")}
    save_ticket(loaded.replace(metrics=metrics, provenance=provenance), out)


def exact(
    results: Results,
    row: Row,
    seed: Seed,
    ticket: Annotated[str, typer.Argument(help="Its ticket: a shipped one's name, or a file.")],
    prepared: Annotated[Path, typer.Argument(help="The prepared task.")],
    first: Annotated[
        int | None, typer.Option(min=1, help="Only so many examples, where all of dev would take hours.")
    ] = None,
) -> None:
    """Prove a record's ticket, compare NumPy and both ONNX profiles on dev, and write what was found.

    Refuses a ticket that is not the record's, and one whose scores in NumPy, of all of dev, are not. Exit
    status 1 if a sum may overflow or the logits of an example differ.
    """
    loaded = load_ticket(ticket)
    record, task = of(results, row, seed, loaded.digest()), tasks.read(prepared)
    with progress_bar() as progress:
        dev = len(task.splits["dev"].data)
        bar = progress.add_task("dev", total=min(first or dev, dev))
        found, scores = judge(loaded, task, first, lambda done: progress.advance(bar, done))
    for name, value in scores.items():
        if "dev" not in found and abs(value - record["dev"][name]) > 1e-6:
            raise HwsimError(
                f"NumPy gives {name} {value:.6f} on dev; the record says {record['dev'][name]:.6f}"
            )
    amend(results, row, seed, {"exact": found})
    print_json(found)
    if not is_exact(found):
        raise typer.Exit(1)


def remake(
    ticket: Annotated[str, typer.Argument(help="A shipped ticket's name, or a file.")],
    into: Annotated[Path, typer.Option(help="The folder that its commands run in.")] = Path("remade"),
    about: Annotated[
        Path | None, typer.Option(help="A TOML file with `commands` and `made`; that of the shipped ticket.")
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="Only print the commands.")] = False,
    json: JsonOption = False,
) -> None:
    """Make a ticket again by the commands that made it, and say whether it has the same integers.

    It asks for a GPU, the extras train and teacher, and the data (HWSIM_DATA or the hub). Each command runs
    once; after a failure or Ctrl-C the same call goes on. Other hardware rounds otherwise while it trains:
    then the integers are others, and dev scores are compared.
    """
    asked, wanted = making.read(about or making.of(ticket)), load_ticket(ticket)
    if listed:
        if json:
            print_json(asked.commands)
        else:
            print(*asked.commands, sep="\n")
        return

    def watch(number: int, done: bool) -> None:
        what = "has finished before" if done else "runs"
        stderr().print(
            f"{number + 1} of {len(asked.commands)} {what}: {asked.commands[number]}", soft_wrap=True
        )

    with resumable(into, "python -m hwsim.models.results"):
        record, path = finished(making.remake(asked, into, watch))
    name, score = next(iter(record["dev"].items()))
    result = {
        "ticket": ticket,
        "made": str(path),
        "same_integers": load_ticket(path).digest() == wanted.digest(),
        "dev": {name: score},
        "wanted_dev": wanted.metrics.get(f"{record['task']}_dev"),
    }
    if json:
        print_json(result)
    elif result["same_integers"]:
        print(f"{path} has the integers of {ticket}")
    else:
        print(f"{path} has other integers than {ticket}: {name} {score} on dev, there {result['wanted_dev']}")
