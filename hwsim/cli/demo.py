"""`hwsim demo`: a sentence through every implementation, the integers compared, the inhibition drawn."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hwsim.cli.options import DEFAULT, JsonOption, TicketOption
from hwsim.cli.output import (
    percent,
    print_json,
    print_report,
    print_table,
    stderr,
    stdout,
    watching,
    writable,
)

if TYPE_CHECKING:
    from hwsim.model import Trace
    from hwsim.tokens import Encoded
    from hwsim.verify import Report

EXAMPLE = 'hwsim demo "A warm, funny and quietly moving film."'

SENTENCES = (
    "A warm, funny and quietly moving film.",
    "The plot is thin, the jokes are stale, and I kept looking at my watch.",
    "Not a masterpiece, but I would happily see it again.",
)
"""Written for this demonstration."""

PICTURE = Path("hwsim-output") / "who-inhibits-whom.png"


def command(
    sentences: Annotated[
        list[str] | None,
        typer.Argument(metavar="SENTENCE", help="Sentences to classify; default three of ours."),
    ] = None,
    ticket: TicketOption = DEFAULT,
    picture: Annotated[
        Path | None,
        typer.Option("--picture", help=f"Where to draw who inhibits whom (.png or .svg); default {PICTURE}."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Classify sentences in NumPy, onnxruntime and simulated Verilog, and compare every named integer.

    The Verilog accelerator runs the whole model from token rows to logits, by its program. Beside it
    the streaming attention head computes every head of every layer, the Verilog operators every other named
    tensor. All streams are stalled at random.
    """
    from hwsim import evaluate, load_ticket, verify
    from hwsim.implementations import DEMO
    from hwsim.tokens import encode

    model = load_ticket(ticket)
    target, no_picture = _target(picture)
    texts = list(sentences or SENTENCES)
    encoded = encode(model, texts)
    batch = verify.prepare(model, (encoded.token_ids, encoded.mask))
    with watching() as watch:
        report = verify.verify_ticket(batch, DEMO, _again(ticket, texts), watch)
        logits = batch.expected["logits"].tolist()
        labels = evaluate.labels(model, logits)
        pictures = _draw(batch.expected, encoded, texts, labels, target) if target else []
    compared = report.to_dict()
    compared["skipped"] = report.skipped | no_picture
    tokens = int(encoded.mask.sum())
    result = {
        "ticket": ticket,
        "sentences": texts,
        "prediction": labels,
        "logits": logits,
        **compared,
        "tokens": tokens,
        "truncated": encoded.truncated,
        "density": model.density,
        "digits": model.digits,
        "additions": model.digits * tokens,
        "pictures": [str(path) for path in pictures],
    }
    if json:
        print_json(result)
    else:
        _show(report, result)
    if encoded.truncated:
        stderr().print(f"{encoded.truncated} of the sentences were cut to {model.config.max_tokens} tokens")
    if not report.ok:
        raise typer.Exit(1)


def _show(report: Report, result: dict[str, Any]) -> None:
    """The same for people."""
    out = stdout()
    columns = zip(result["sentences"], result["prediction"], result["logits"], strict=True)
    rows = [(text, label, str(logits)[1:-1]) for text, label, logits in columns]
    print_table(("sentence", "prediction", "logits"), rows)
    out.print()
    print_report(report)
    out.print()
    out.print(
        f"{report.tensors_compared} tensors, {report.integers_compared:,} integers compared.\n"
        f"{percent(result['density'])} of the encoder's weights kept, {result['digits']:,} signed digits: "
        f"{result['additions']:,} additions for these {result['tokens']} tokens, no multiplication."
    )
    if cycles := report.cycles.get("accelerator"):
        out.print(
            f"The accelerator in Verilog took {sum(cycles):,} clock cycles for all, with random stalls on "
            "its streams (hwsim cycles tells where they go)."
        )
    if "total" in report.cycles:
        layers = (rows for name, rows in report.cycles.items() if name not in ("total", "accelerator"))
        heads = sum(len(row) for rows in layers for row in rows)
        out.print(
            f"{heads} attention heads in Verilog took {report.cycles['total']:,} clock cycles, "
            "with random stalls on their streams."
        )
    for path in result["pictures"]:
        out.print(f"Who inhibits whom: {path}")
    if reason := result["skipped"].get("picture"):
        out.print(f"No picture: {reason}")


def _again(ticket: str, texts: list[str]) -> str:
    """The command that runs one tensor's operator alone on these sentences; `{tensor}` stays open."""
    words = ["hwsim", "verify", ticket, *(word for text in texts for word in ("--text", text))]
    return shlex.join(words).replace("{", "{{").replace("}", "}}") + " --tensor {tensor}"


def _target(picture: Path | None) -> tuple[Path | None, dict[str, str]]:
    """Where to draw; if nothing can be drawn and nothing was asked for, None and an entry for `skipped`."""
    from hwsim import picture as drawing
    from hwsim.errors import HwsimError, MissingToolError

    if picture and picture.suffix.lower() not in drawing.ENDINGS:
        raise HwsimError(f"{picture}: a picture ends in {' or '.join(drawing.ENDINGS)}")
    reason = drawing.missing()
    if picture and reason:
        raise MissingToolError(f"{picture} cannot be drawn: {reason}")
    if picture:
        return writable(picture, "the picture"), {}
    if not reason:
        try:
            PICTURE.parent.mkdir(exist_ok=True)
            return writable(PICTURE, "the picture"), {}
        except (OSError, HwsimError) as error:
            reason = f"{PICTURE.parent} cannot be written here ({error}); choose a place with --picture"
    return None, {"picture": reason}


def _draw(trace: Trace, encoded: Encoded, texts: list[str], labels: list[str], target: Path) -> list[Path]:
    """One file a sentence: `target`, then the same with -2, -3, ..."""
    from hwsim import picture as drawing

    drawn = []
    for i, (text, label) in enumerate(zip(texts, labels, strict=True)):
        path = target if i == 0 else target.with_stem(f"{target.stem}-{i + 1}")
        scores = drawing.layer_scores(trace, i, encoded.mask[i])
        drawn.append(drawing.draw(scores, encoded.pieces[i], f"“{text}” → {label}", path))
    return drawn
