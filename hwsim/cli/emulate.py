"""`hwsim emulate`: many texts through the emulator."""

from __future__ import annotations

import time
from typing import Any

import typer

from hwsim.cli.options import DEFAULT, DataOption, JsonOption, TextOption, TicketArgument
from hwsim.cli.output import percent, print_json, print_table, progress_bar, stdout

EXAMPLE = "hwsim emulate sst2-tiny --data reviews.tsv"


def command(
    ticket: TicketArgument = DEFAULT,
    data: DataOption = None,
    text: TextOption = None,
    json: JsonOption = False,
) -> None:
    """Classify the texts of a file, or some given ones, and report accuracy and speed.

    This is the integer emulator on this machine's processor; the speed says nothing about hardware.
    """
    import numpy as np

    from hwsim import backend, evaluate, load_ticket
    from hwsim.data import read_tsv
    from hwsim.errors import HwsimError
    from hwsim.tokens import encode

    if (data is None) == (not text):
        raise typer.BadParameter("give either --data FILE or --text TEXT", param_hint="--data")
    model = load_ticket(ticket)
    examples = read_tsv(data) if data else []
    texts = [example.text for example in examples] or list(text or ())
    labels = np.array([example.label for example in examples], int)
    if labels.size and labels.max() >= model.config.classes:
        wrong = f"{data}: line {labels.argmax() + 2} has label {labels.max()}"
        raise HwsimError(f"{wrong}; this ticket has the classes 0..{model.config.classes - 1}")
    encoded = encode(model, texts)
    with progress_bar() as progress:
        task = progress.add_task("sentences", total=len(texts))
        start = time.perf_counter()
        logits = evaluate.logits(model, encoded, lambda done: progress.advance(task, done))
        seconds = time.perf_counter() - start
    predictions = logits.argmax(axis=1)
    accuracy = evaluate.accuracy(predictions, labels) if labels.size else None
    names = evaluate.labels(model, logits)
    if json:
        result: dict[str, Any] = {
            "ticket": ticket,
            "accuracy": accuracy,
            "n": len(texts),
            "sentences_per_second": len(texts) / seconds,
            "truncated": encoded.truncated,
        }
        if not examples:
            result |= {"prediction": names, "logits": logits.tolist()}
        print_json(result)
        return
    if not examples:
        rows = [(*row, str(values)[1:-1]) for *row, values in zip(texts, names, logits.tolist(), strict=True)]
        print_table(("text", "prediction", "logits"), rows)
    if accuracy is not None:
        stdout().print(f"accuracy {percent(accuracy)} of {len(texts)} texts")
    speed = f"{len(texts) / seconds:.0f} texts a second in the emulator ({backend.current()})"
    stdout().print(f"{speed}; {encoded.truncated} cut to {model.config.max_tokens} tokens")
