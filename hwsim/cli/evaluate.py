"""`hwsim evaluate`: a ticket on a data set, in the emulator."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hwsim.cli.options import JsonOption
from hwsim.cli.output import print_json, progress_bar, stdout

if TYPE_CHECKING:
    import numpy as np

    from hwsim.data import Task
    from hwsim.ticket import Ticket
    from hwsim.tokens import Encoded

EXAMPLE = "hwsim evaluate sst2-tiny --task sst2 --split dev"


def command(
    ticket: Annotated[
        str,
        typer.Argument(metavar="TICKET_OR_RUN", help="A shipped ticket's name, a file, or a run's folder."),
    ],
    task: Annotated[
        str | None, typer.Option("--task", help="The data set; that of the run by default.")
    ] = None,
    split: Annotated[str, typer.Option("--split", help="dev, test or train.")] = "dev",
    folder: Annotated[
        str | None,
        typer.Option("--folder", help="Prepared token ids of the data set; else its texts are read."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Score a ticket with the integers of the emulator, by the metrics of the data set.

    Accuracy, Matthews' correlation and F1 are of the largest logit; Pearson's, Spearman's and the squared
    error are of the one logit of a regression task.
    """
    import numpy as np

    from hwsim import backend, evaluate, load_ticket
    from hwsim.errors import HwsimError
    from hwsim.metrics import METRICS

    path = Path(ticket)
    if path.is_dir():
        path = path / "ticket.safetensors"
        if not (Path(ticket) / "config.toml").exists():
            raise HwsimError(f"{ticket}: not a run's folder, it has no config.toml; name a ticket")
        if not path.exists():
            raise HwsimError(f"{ticket}: no ticket in this folder; finish the run: hwsim train {ticket}")
        if task is None:
            task, folder = _of_run(Path(ticket), folder)
    if task is None:
        raise typer.BadParameter("name the data set of this ticket", param_hint="--task")
    model = load_ticket(path if Path(ticket).is_dir() else ticket)
    about, encoded, labels = examples(model, task, split, folder)
    if model.config.classes != about.classes:
        raise HwsimError(f"{ticket} has {model.config.classes} classes; {task} has {about.classes}")
    known = np.isfinite(labels) & (labels != -1)
    if not known.all():
        raise HwsimError(
            f"{task} {split} has {int((~known).sum())} examples without a label; choose another split"
        )
    with progress_bar() as progress:
        bar = progress.add_task(f"{task} {split}", total=len(labels))
        start = time.perf_counter()
        logits = evaluate.logits(model, encoded, lambda done: progress.advance(bar, done))
        seconds = time.perf_counter() - start
    # 2^-11 is the scale of the integer logits: int8 weights at 2^-6 times activations at 2^-5.
    outputs = logits[:, 0] / 2048 if about.regression else logits.argmax(axis=-1)
    scores = {name: METRICS[name](outputs, labels) for name in about.metrics}
    result: dict[str, Any] = {
        "ticket": ticket,
        "task": task,
        "split": split,
        "n": len(labels),
        "metrics": scores,
        "density": model.density,
        "truncated": encoded.truncated,
        "seconds": round(seconds, 3),
        "backend": backend.current(),
    }
    if json:
        print_json(result)
    else:
        shown = ", ".join(f"{name} {value:.4f}" for name, value in scores.items())
        stdout().print(f"{task} {split}: {shown} on {len(labels)} examples, {encoded.truncated} of them cut")
        stdout().print(f"{seconds:.2f} s in {backend.current()}")


def _of_run(run: Path, folder: str | None) -> tuple[str, str | None]:
    """The task of a run and where its prepared token ids are."""
    from hwsim.models.runs.config import load

    config = load(run)
    return config.task.name, folder or config.task.folder or None


def examples(model: Ticket, task: str, split: str, folder: str | None) -> tuple[Task, Encoded, np.ndarray]:
    """(task, token ids, labels) of a split, from prepared ids, made up, or from texts."""
    import numpy as np

    from hwsim import data
    from hwsim.errors import HwsimError
    from hwsim.tokens import encode

    about = data.TASKS.get(task)
    most = model.config.max_tokens
    if folder or about is None or not about.text:
        from hwsim.models.runs import tasks

        prepared = tasks.load(task, folder or "", most)
        if split not in prepared.splits:
            raise HwsimError(f"{task} has no split {split!r}; there are {', '.join(prepared.splits)}")
        here, there = model.config, prepared
        # Other classes are the caller's business.
        if there.task.classes == here.classes and there.vocabulary != here.vocabulary:
            raise HwsimError(
                f"{task} has a vocabulary of {there.vocabulary}; the ticket has {here.vocabulary}"
            )
        part = prepared.splits[split]
        return prepared.task, _padded(part.data, part.truncated), part.labels
    if split not in data.splits(task):
        raise HwsimError(f"{task} has no split {split!r}; there are {', '.join(data.splits(task))}")
    examples = data.load(task, split)
    labels = np.array([example.label for example in examples])
    if about.pair:
        return about, _pairs(model, examples), labels
    return about, encode(model, [example.text for example in examples]), labels


def _pairs(model: Ticket, examples: list[Any]) -> Encoded:
    """Pairs of texts, cut by the rule they were trained with."""
    from hwsim.models.batches import Sequences
    from hwsim.models.tasks.encode import encode
    from hwsim.tokens import tokenizer

    firsts, seconds = [e.text for e in examples], [e.second for e in examples]
    ids, cut = encode(tokenizer(model.tokenizer), firsts, seconds, model.config.max_tokens)
    return _padded(Sequences.pack(ids, model.config.max_tokens), cut)


def _padded(data: Any, truncated: int) -> Encoded:
    """Packed sequences as one padded batch."""
    import numpy as np

    from hwsim.tokens import Encoded

    token_ids, mask = data.padded(np.arange(len(data)), int(data.lengths.max()))
    return Encoded(token_ids.astype(np.int32), mask, [], truncated)
