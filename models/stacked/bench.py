"""Trainings per GPU minute, many runs at once against one by one.

    python -m hwsim.models.stacked.bench --runs 1,8,16     on a GPU; writes bench.json beside this file
    python -m hwsim.models.stacked.bench --quick           tiny sizes, on any device
    python -m hwsim.models.stacked.bench --table           bench.json as the table of the documentation

Times the steps of a training on made-up sequences with the lengths of SST-2 phrases: the single loop
(`hwsim.models.train`); stacks, launched kernel by kernel or replayed as CUDA graphs; and stacks of one side
by side, each with its graphs on a stream of its own. One epoch is timed, after one (with graphs, after the
three epochs in which shapes are recorded); a training is `--epochs` of them. Loading and evaluation are not
counted. `same_integers` says of each row whether its run 0 has then the ticket of run 0 alone in a stack.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer

from hwsim import markdown
from hwsim.config import ModelConfig
from hwsim.files import write_atomic
from hwsim.models.batches import Sequences
from hwsim.models.model import InhibitorTransformer
from hwsim.models.runs.folder import device_name
from hwsim.models.stacked.batches import ResidentLessons
from hwsim.models.stacked.train import StackedTraining
from hwsim.models.train import TrainConfig, Training, TrainingSet

HOME = Path(__file__).with_name("bench.json")
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@dataclass(frozen=True)
class Sizes:
    """What is trained."""

    model: ModelConfig
    batch: int
    sequences: int


FULL = Sizes(
    ModelConfig(8192, max_tokens=64, width=128, heads=4, layers=3, hidden=512, classes=2, embed_shift=3),
    batch=512,
    sequences=67_349,
)
QUICK = Sizes(
    ModelConfig(50, max_tokens=16, width=16, heads=2, layers=1, hidden=16, classes=2, embed_shift=3),
    batch=16,
    sequences=96,
)


def sequences(sizes: Sizes) -> TrainingSet:
    """Random tokens, exponential lengths with a mean of nine tokens, random labels."""
    rng = np.random.default_rng(0)
    lengths = np.minimum(1 + rng.exponential(8.0, sizes.sequences).astype(int), sizes.model.max_tokens)
    rows = [rng.integers(2, sizes.model.vocabulary, length).tolist() for length in lengths]
    labels = rng.integers(0, sizes.model.classes, sizes.sequences)
    return TrainingSet(Sequences.pack(rows, sizes.model.max_tokens), labels)


def made(sizes: Sizes, seed: int) -> InhibitorTransformer:
    """The initial model of a seed."""
    torch.manual_seed(seed)
    return InhibitorTransformer(sizes.model)


def waiting(device: str) -> Callable[[], None]:
    """Returns when all that was started has been computed."""
    return torch.cuda.synchronize if device.startswith("cuda") else (lambda: None)


def timed(step: Callable[[int], object], warm: int, steps: int, device: str) -> float:
    """Seconds a step."""
    wait = waiting(device)
    wait()
    for number in range(warm):
        step(number)
    wait()
    started = time.perf_counter()
    for number in range(warm, warm + steps):
        step(number)
    wait()
    return (time.perf_counter() - started) / steps


def learn(stacks: list[StackedTraining], step: int) -> None:
    """One step of every run."""
    for one in stacks:
        with one.working():
            one.learn(step)


class _Enough(Exception):
    """Ends the single loop, which otherwise goes on to the end of its epochs."""


def single(sizes: Sizes, data: TrainingSet, config: TrainConfig, device: str) -> tuple[float, int]:
    """(seconds a step of the single loop, steps an epoch)."""
    training = Training(made(sizes, 0), data, config, device)
    wait, marks, steps = waiting(device), [], training.epoch_steps

    def after(at: Training) -> None:
        # Lengths met for the first time are compiled for: the second epoch is timed.
        if at.step in (steps, 2 * steps):
            wait()
            marks.append(time.perf_counter())
        if at.step == 2 * steps:
            raise _Enough

    with suppress(_Enough):
        training.run(after)
    return (marks[1] - marks[0]) / steps, steps


def measure(sizes: Sizes, runs: list[int], epochs: int, device: str) -> dict[str, Any]:
    """All rows, for trainings of so many epochs."""
    data = sequences(sizes)
    # The schedule of a longer training leaves room for the epochs that come before the timed one.
    config = TrainConfig(epochs=max(4, epochs), batch=sizes.batch)
    cuda = device.startswith("cuda")
    rows: list[dict[str, Any]] = []
    alone: dict[bool, str] = {}

    def row(way: str, together: int, seconds: float) -> None:
        rate = 60 * together / (seconds * epochs * epoch_steps)
        rows.append(
            {
                "way": way,
                "runs": together,
                "milliseconds_a_step": round(1000 * seconds, 3),
                "trainings_a_minute": round(rate, 3),
            }
        )

    seconds, epoch_steps = single(sizes, data, config, device)
    row("single loop", 1, seconds)
    lessons = ResidentLessons(data, device)
    ways = [("stacked", False, False)]
    if cuda:
        ways += [("stacked, graphs", True, False), ("side by side, graphs", True, True)]
    for together in sorted({1, *runs}):
        for way, capture, apart in ways:
            if apart and together == 1:
                continue
            if cuda:
                torch.cuda.reset_peak_memory_stats()
            models = [made(sizes, seed) for seed in range(together)]
            size = 1 if apart else together
            stacks = [
                StackedTraining(models[i : i + size], lessons, config, range(i, i + size), capture)
                for i in range(0, together, size)
            ]
            warm = (3 if capture else 1) * epoch_steps
            row(way, together, timed(partial(learn, stacks), warm, epoch_steps, device))
            if cuda:
                rows[-1]["peak_gib"] = round(torch.cuda.max_memory_allocated() / 2**30, 3)
            digest = models[0].to_ticket().digest()
            rows[-1]["same_integers"] = digest == alone.setdefault(capture, digest)
            del models, stacks
    return {
        "device": device_name(device),
        "torch": torch.__version__,
        "epochs_of_a_training": epochs,
        "steps_of_an_epoch": epoch_steps,
        "batch": sizes.batch,
        "rows": rows,
    }


def table(record: dict[str, Any]) -> str:
    """Markdown."""
    heads = ("way", "runs", "ms a step", "trainings a minute", "peak GiB", "integers of a run alone")
    lines = []
    for row in record["rows"]:
        cells = [row["way"], str(row["runs"]), f"{row['milliseconds_a_step']:.1f}"]
        cells.append(f"{row['trainings_a_minute']:.1f}")
        cells.append(f"{row['peak_gib']:.1f}" if "peak_gib" in row else "-")
        cells.append({True: "yes", False: "no"}.get(row.get("same_integers"), "-"))
        lines.append(cells)
    return markdown.table(heads, lines)


@app.command()
def command(
    runs: Annotated[str, typer.Option(help="sizes of the stack")] = "1,8,16",
    epochs: Annotated[int, typer.Option(help="of one training")] = 8,
    quick: Annotated[bool, typer.Option("--quick", help="tiny sizes, for a look on a CPU")] = False,
    out: Annotated[Path | None, typer.Option(help="where the record is kept; quick: nowhere")] = None,
    show: Annotated[bool, typer.Option("--table", help="print the record as a table; runs nothing")] = False,
) -> None:
    """Print one JSON document."""
    if show:
        print(table(json.loads((out or HOME).read_text())))
        return
    device = "cuda" if torch.cuda.is_available() else "cpu"
    counts = [int(part) for part in runs.split(",")]
    result = measure(QUICK, [2], 4, device) if quick else measure(FULL, counts, epochs, device)
    text = json.dumps(result, indent=2)
    if out or not quick:
        write_atomic(out or HOME, text + "\n")
    print(text)


if __name__ == "__main__":
    app()
