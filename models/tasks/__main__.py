"""Write prepared tasks: `python -m hwsim.models.tasks FOLDER TASK...`; they share one vocabulary."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from tokenizers import Tokenizer

from hwsim import data, load_ticket
from hwsim.cli.output import print_json
from hwsim.errors import HwsimError, MissingToolError
from hwsim.files import write_atomic
from hwsim.models import vocabulary
from hwsim.models.distill import teachers
from hwsim.models.tasks.prepare import prepare
from hwsim.models.tasks.store import save
from hwsim.models.tasks.transfer import blends, phrases, sentences
from hwsim.tokens import tokenizer as parse_tokenizer

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def write(
    folder: Path,
    names: Annotated[list[str], typer.Argument(help="Data sets of hwsim.data.")],
    max_tokens: Annotated[int, typer.Option(help="Longest sequence; 0: as each data set asks.")] = 0,
    ticket: Annotated[str, typer.Option(help="Take this ticket's tokenizer.")] = "",
    size: Annotated[int, typer.Option(help="Else: rows of a vocabulary cut from the teacher's.")] = 8192,
    width: Annotated[int, typer.Option(help="Width of first token rows; 0: none.")] = 128,
    rows_of: Annotated[
        str, typer.Option("--rows", help="Encoder whose table gives those rows; the teacher's if empty.")
    ] = "",
    teacher: Annotated[str, typer.Option(help="minilm, mpnet, or an encoder's folder.")] = "minilm",
    teacher_tokens: Annotated[
        int, typer.Option(help="Longest sequence of the teacher; 0: its pieces are not wanted.")
    ] = 512,
    extra: Annotated[
        int, typer.Option(help="Unlabelled sentences of IMDB's training reviews, for tasks they suit.")
    ] = 0,
    spans: Annotated[int, typer.Option(help="Unlabelled phrases out of those sentences.")] = 0,
    mixed: Annotated[
        int,
        typer.Option("--blends", help="As many blends of a task's own training texts, where those suit."),
    ] = 0,
    cache: Annotated[Path, typer.Option(help="Where mpnet's parts are joined.")] = Path("teachers"),
) -> None:
    """Encode data sets as FOLDER/TASK.safetensors, which holds token ids and no text."""
    home = teachers.locate(teacher, cache)
    large = Tokenizer.from_file(str(home / "tokenizer.json"))
    large.no_truncation()
    large.no_padding()
    transfer = sentences([e.text for e in data.load("imdb", "reviews")], extra) if extra else []
    transfer += phrases(transfer, spans)
    rows = None
    if ticket:
        small = parse_tokenizer(load_ticket(ticket).tokenizer)
    else:
        texts = [
            text for name in names for e in data.load(name, "train") for text in (e.text, e.second) if text
        ]
        small = vocabulary.shrink(large, texts + transfer, size)[0]
        rows = _rows(teachers.locate(rows_of or teacher, cache), small, width) if width else None
    written = {}
    for name in names:
        if name not in data.TASKS:
            raise HwsimError(f"unknown task {name!r}; known are {', '.join(data.TASKS)}")
        known, most = data.TASKS[name], max_tokens or data.TASKS[name].tokens
        own = blends([e.text for e in data.load(name, "train")], mixed) if known.transfer else []
        task = prepare(
            name,
            small,
            most,
            extra=transfer + own if known.transfer else [],
            teacher=large if teacher_tokens else None,
            teacher_tokens=teacher_tokens,
            rows=rows,
        )
        path = save(task, folder / f"{name}.safetensors")
        written[name] = {
            "path": str(path),
            "examples": {split: len(part.data) for split, part in task.splits.items()},
            "truncated": {split: part.truncated for split, part in task.splits.items()},
        }
    write_atomic(folder / "tokenizer.json", vocabulary.compact(small))
    write_atomic(folder / "prepared.json", json.dumps(written, indent=1))
    print_json(written)


def _rows(home: Path, small: Tokenizer, width: int) -> np.ndarray:
    """Rows for the pieces of `small` out of an encoder's table; one it does not know gets its unknown row."""
    from hwsim.models.distill.teacher import load_encoder

    known = Tokenizer.from_file(str(home / "tokenizer.json")).get_vocab()
    row_of = small.get_vocab()
    kept = [known.get(piece, known[vocabulary.UNKNOWN]) for piece in sorted(row_of, key=row_of.__getitem__)]
    table = load_encoder(home).get_input_embeddings().weight.detach().numpy()
    return vocabulary.principal_rows(table[kept], width).astype(np.float16)


if __name__ == "__main__":
    try:
        app()
    except (HwsimError, MissingToolError, OSError) as error:
        raise SystemExit(f"hwsim: {error}") from error
