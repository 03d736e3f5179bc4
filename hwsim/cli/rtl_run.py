"""`hwsim rtl run`: a data set, or some texts, on the simulated accelerator."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import Annotated, Any

import typer

from hwsim.cli.options import DataOption, JsonOption, TextOption, TicketArgument
from hwsim.cli.output import bad, percent, print_json, progress_bar, stdout, writable

EXAMPLE = "hwsim rtl run sst2-tiny --data reviews.tsv --out run.json"
WAVES_AT_MOST = 4


def command(
    ticket: TicketArgument,
    data: DataOption = None,
    text: TextOption = None,
    task: Annotated[
        str | None, typer.Option("--task", help="A data set by name, such as sst2, instead of a file.")
    ] = None,
    split: Annotated[str, typer.Option("--split", help="Of the data set.")] = "dev",
    lanes: Annotated[int, typer.Option("--lanes", help="Tokens side by side: 8, 16, 32 or 64.")] = 64,
    packed: Annotated[
        bool, typer.Option("--pack", help="Put several short sentences into one frame.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Write the result here; unfinished work goes on from OUT.part."),
    ] = None,
    waves: Annotated[
        Path | None, typer.Option("--waves", help="Write every signal as VCD, and a view of it for GTKWave.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Run a whole ticket on the Verilog, sentence by sentence, every named tensor compared with NumPy.

    A sentence may have as many tokens as there are lanes. With --out, Ctrl-C loses nothing: the same command
    goes on. Exit status 1 if any integer differs, or the cycles are not those of the model.
    """
    import numpy as np

    from hwsim import evaluate, load_ticket
    from hwsim.errors import HwsimError
    from hwsim.rtl import view, whole
    from hwsim.tokens import encode

    if sum((data is not None, bool(text), task is not None)) != 1:
        raise typer.BadParameter("give one of --data FILE, --text TEXT and --task NAME", param_hint="--data")
    for path, what in ((out, "the result"), (waves, "the waveform")):
        if path:
            writable(path, what)
    model = load_ticket(ticket)
    texts, labels = _texts(data, text, task, split)
    if labels.size and labels.max() >= model.config.classes:
        raise HwsimError(
            f"a label is {labels.max()}; this ticket has the classes 0..{model.config.classes - 1}"
        )
    if waves and len(texts) > WAVES_AT_MOST:
        raise HwsimError(f"a waveform of {len(texts)} sentences fills a disk; give {WAVES_AT_MOST} at most")
    encoded = encode(model, texts)
    with progress_bar() as progress:
        bar = progress.add_task("sentences on the accelerator", total=len(texts))
        state, machine = whole.evaluate(
            model,
            encoded.token_ids,
            encoded.mask,
            lanes=lanes,
            packed=packed,
            progress=out and out.with_name(f"{out.name}.part"),
            waves=waves,
            watch=lambda done: progress.advance(bar, done),
        )
    logits = np.array([state.logits[i] for i in range(len(texts))])
    result: dict[str, Any] = {
        "ticket": ticket,
        "digest": model.digest(),
        "data": f"{task}/{split}" if task else data.name if data else "texts",
        "accuracy": evaluate.accuracy(logits.argmax(axis=1), labels) if labels.size else None,
        "n": len(texts),
        "equal": state.differing == 0,
        "first_difference": state.first_difference,
        "cycles_per_sentence": state.cycles / len(texts),
        "simulated_cycles_per_second": round(state.simulated / state.seconds),
        "seconds": round(state.seconds, 1),
        "frames": state.frames,
        "longest": int(encoded.mask.sum(axis=1).max()),
        "truncated": encoded.truncated,
        "parameters": machine.parameters,
    }
    if text:
        result |= {"prediction": evaluate.labels(model, logits), "logits": logits.tolist()}
    if waves:
        result["view"] = str(view.save(waves, machine.lanes, machine.operations))
    if out:
        from hwsim.files import write_atomic

        write_atomic(out, json_module.dumps(result, indent=1) + "\n")
    if json:
        print_json(result)
    else:
        _show(result)
    if not result["equal"]:
        raise typer.Exit(1)


def _texts(data: Path | None, text: list[str] | None, task: str | None, split: str) -> tuple[list[str], Any]:
    """(texts, labels int [n] or [0])."""
    import numpy as np

    from hwsim.data import load, read_tsv

    examples = read_tsv(data) if data else load(task, split) if task else []
    texts = [example.text for example in examples] or list(text or ())
    return texts, np.array([example.label for example in examples], int)


def _show(result: dict[str, Any]) -> None:
    """The same for people."""
    from hwsim.compare import Difference

    out = stdout()
    for label, row in zip(result.get("prediction", ()), result.get("logits", ()), strict=True):
        out.print(f"{label}: {str(row)[1:-1]}")
    if result["accuracy"] is not None:
        out.print(f"accuracy {percent(result['accuracy'])} of {result['n']} sentences")
    speed = f"{result['cycles_per_sentence']:,.0f} cycles a sentence"
    out.print(f"{speed}; simulated at {result['simulated_cycles_per_second']:,} cycles a second")
    if result["equal"]:
        out.print("every named tensor equal to NumPy's, every cycle count equal to the model's")
    else:
        out.print(bad(f"NOT EQUAL to NumPy. {Difference(**result['first_difference'])}"))
