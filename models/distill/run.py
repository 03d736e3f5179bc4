"""Carry out a distillation: teacher, student, record; each stage is kept and not done again.

In the run folder: `teacher-HASH/` with the fine-tuned teacher and what it says to every split, shared by all
students of it; `layers-HASH/` with an integer student of its shape before it sees the task; `RECIPE-HASH/`
with the student, its ticket if it is an integer model, and metrics.json.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file
from tokenizers import Tokenizer
from torch import nn

import hwsim
from hwsim.compare import first_difference
from hwsim.errors import ConfigError, HwsimError
from hwsim.files import read_record, write_atomic
from hwsim.models import checkpoint, tasks
from hwsim.models.batches import Sequences
from hwsim.models.distill import layerwise, replace, task_specific, teacher, teachers
from hwsim.models.distill.config import DistillConfig
from hwsim.models.distill.loop import Plan
from hwsim.models.distill.stages import Stages
from hwsim.models.model import InhibitorTransformer, emulate
from hwsim.models.runs.config import RunConfig
from hwsim.models.runs.events import Events
from hwsim.models.runs.folder import device_name
from hwsim.models.runs.runner import build
from hwsim.models.runs.tasks import score
from hwsim.models.tasks import Split
from hwsim.models.train import predict
from hwsim.ticket_file import load_ticket, save_ticket

Watch = Callable[[str, int, int, float], None]
"""(stage, step, steps, loss)."""

Said = dict[str, tuple[np.ndarray, np.ndarray]]
"""A teacher's (logits, pooled states) by split."""

COMPARED = 8
"""Sequences on which a ticket is held against the emulator, tensor by tensor."""


class Distillation:
    """One configuration on one prepared task."""

    def __init__(self, config: DistillConfig, watch: Watch = lambda stage, step, steps, loss: None) -> None:
        self.config, self.watch = config, watch
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        if config.run.device == "cuda" and self.device == "cpu":
            raise ConfigError("run.device is cuda; PyTorch sees no GPU here: use cpu or auto")
        if config.run.device != "auto":
            self.device = config.run.device
        # bfloat16 is for the GPU's sake; integer layers never see it.
        self.bf16 = self.device == "cuda"
        self.task = tasks.load(config.task.name, config.task.folder)
        if any(split.teacher is None for split in self.task.splits.values()):
            raise HwsimError(
                f"task {config.task.name} was prepared without a teacher's pieces; prepare it again"
            )
        self.more = [self._texts(name) for name in config.layerwise.others]
        known = self._known(config.task.name)
        texts = "".join([known, *map(self._known, config.layerwise.others)])
        runs = Path(config.run.folder)
        self.teacher_stamp = config.digest(known, "teacher")
        self.stamp = config.digest(texts)
        self.layers_stamp = config.digest(texts, "layers")
        self.layers_folder = runs / f"layers-{self.layers_stamp}"
        self.teacher_folder = runs / f"teacher-{self.teacher_stamp}"
        self.folder = (
            runs / f"{config.recipe}-{self.stamp}" if config.recipe != "teacher" else self.teacher_folder
        )

    def run(self) -> dict[str, Any]:
        """Do what is not done yet; returns the record, which is also in metrics.json."""
        kept = self.folder / "metrics.json"
        if kept.exists():
            record = read_record(kept)
            if "test" in record or not self.config.run.test:
                return record
        with Events(self.config.run.tensorboard) as self.events:
            return self._run(kept)

    def _run(self, kept: Path) -> dict[str, Any]:
        started = time.perf_counter()
        said = self.taught()
        record = {"recipe": self.config.recipe, "task": self.task.task.name, "seed": self.config.seed}
        record["teacher"] = {"encoder": self.config.teacher.encoder} | {
            "dev": self._score(said["dev"][0], "dev")
        }
        if self.config.training.answers and self.config.recipe != "teacher":
            said = self._answers()
            record["answers"] = {
                "of": self.config.training.answers,
                "dev": self._score(said["dev"][0], "dev"),
            }
        record["truncated"] = {name: split.truncated for name, split in self.task.splits.items()}
        splits = ("dev", "test") if self.config.run.test and "test" in self.task.splits else ("dev",)
        if self.config.recipe == "teacher":
            outputs = {name: said[name][0] for name in splits}
        elif self.config.recipe == "task":
            outputs = self.small(said, splits)
            record["model"] = self.config.student.kind
        elif self.config.recipe == "integer":
            outputs = self.integer(said, splits)
            record["model"] = "integer"
        else:
            outputs = self.encoder(said, splits)
            record["model"] = f"{self.config.teacher.encoder}, inhibitor, {self.config.layerwise.weights}"
        record |= {name: self._score(found, name) for name, found in outputs.items()}
        ticket = self.folder / "ticket.safetensors"
        record["ticket"] = load_ticket(ticket).digest() if ticket.exists() else None
        record |= {
            "seconds": round(time.perf_counter() - started, 1),
            "device": device_name(self.device),
            "folder": str(self.folder),
        }
        write_atomic(self.folder / "config.toml", self.config.to_toml())
        write_atomic(kept, json.dumps(record, indent=1))
        return record

    def _heard(self, folder: Path, stage: str, step: int, steps: int, loss: float) -> None:
        """Pass on how far a stage is whose results go to `folder`, where its loss is written too."""
        self.watch(stage, step, steps, loss)
        self.events.write(folder / "tensorboard" / stage.replace(" ", "-"), {"step": step, "loss": loss})

    def _known(self, name: str) -> str:
        """What a prepared task is known by."""
        with open(Path(self.config.task.folder) / f"{name}.safetensors", "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def _texts(self, name: str) -> Sequences:
        """The training texts of another task. Raises ConfigError for one that does not fit."""
        other = tasks.load(name, self.config.task.folder)
        if other.tokenizer != self.task.tokenizer or other.max_tokens > self.config.student.max_tokens:
            raise ConfigError(
                f"layerwise.also: {name} was prepared with another vocabulary, or with more than "
                f"student.max_tokens = {self.config.student.max_tokens} tokens; prepare both together"
            )
        return other.splits["train"].data

    def _score(self, outputs: np.ndarray, split: str) -> dict[str, float]:
        return score(self.task.task, outputs.astype(np.float32), self.task.splits[split].labels)

    def _encoder(self) -> nn.Module:
        return teacher.load_encoder(teachers.locate(self.config.teacher.encoder, self.config.run.folder))

    def _teacher(self) -> teacher.Teacher:
        """The fine-tuned teacher."""
        part = self.config.teacher
        torch.manual_seed(part.seed)
        model = teacher.Teacher(self._encoder(), self.task.task.classes)
        kept = self.teacher_folder / "teacher.safetensors"
        if (state := checkpoint.read(kept, self.teacher_stamp)) is not None:
            model.load_state_dict(state)
            return model
        train = self.task.splits["train"]
        teacher.fine_tune(
            model,
            teacher_pieces(train),
            train.labels,
            Plan(part.epochs, part.batch, part.rate, seed=part.seed, bf16=self.bf16),
            device=self.device,
            after=partial(self._heard, self.teacher_folder, "teacher"),
            save=self.teacher_folder / "unfinished.safetensors",
            save_every=self.config.run.save_every,
            stamp=self.teacher_stamp,
        )
        checkpoint.write(kept, dict(model.state_dict()), self.teacher_stamp)
        return model

    def taught(self) -> Said:
        """What the teacher says to every split; `logits.npz` also serves `hwsim train`."""
        kept = self.teacher_folder / "said.safetensors"
        if (state := checkpoint.read(kept, self.teacher_stamp)) is None:
            model, state = self._teacher(), {}
            for name, split in self.task.splits.items():
                logits, pooled = teacher.record(model, teacher_pieces(split), self.device, bf16=self.bf16)
                state |= {
                    f"{name}.logits": torch.from_numpy(logits),
                    f"{name}.pooled": torch.from_numpy(pooled),
                }
            checkpoint.write(kept, state, self.teacher_stamp)
        said = {n: (state[f"{n}.logits"].numpy(), state[f"{n}.pooled"].numpy()) for n in self.task.splits}
        packed = io.BytesIO()
        np.savez_compressed(packed, allow_pickle=False, **{name: part[0] for name, part in said.items()})
        write_atomic(self.teacher_folder / "logits.npz", packed.getvalue())
        return said

    def _answers(self) -> Said:
        """What another teacher says to every split. Raises ConfigError for a file of something else."""
        path = self.config.training.answers
        try:
            state = load_file(path)
            said = {n: (state[f"{n}.logits"], state[f"{n}.pooled"]) for n in self.task.splits}
        except (OSError, SafetensorError, KeyError) as error:
            raise ConfigError(f"training.answers is {path}: no teacher's answers to this task") from error
        shapes = {n: (len(split.data), self.task.task.classes) for n, split in self.task.splits.items()}
        if shapes != {n: logits.shape for n, (logits, _) in said.items()}:
            raise ConfigError(f"training.answers is {path}: answers to other texts")
        return said

    def _plan(self, bf16: bool) -> Plan:
        part = self.config.training
        return Plan(
            part.epochs, part.batch, part.rate, part.scale_rate, part.weight_decay, self.config.seed, bf16
        )

    def small(self, said: Said, splits: tuple[str, ...]) -> dict[str, np.ndarray]:
        """Recipe `task`: a small student's logits by split."""
        config = self.config
        student: Any = build(RunConfig(seed=config.seed, model=config.student), self.task)
        kept = self.folder / "student.safetensors"
        if (state := checkpoint.read(kept, self.stamp)) is not None:
            student.load_state_dict(state)
        else:
            task_specific.distill(
                student,
                task_specific.lesson(self.task, said),
                self._plan(bf16=False),
                task_specific.Mixture(**vars(config.mixture)),
                self.device,
                gradual=config.pruning.schedule(config.seed),
                word_dropout=config.training.word_dropout,
                check_every=config.run.check_every,
                after=partial(self._heard, self.folder, "student"),
                save=self.folder / "unfinished.safetensors",
                save_every=config.run.save_every,
                stamp=self.stamp,
            )
            checkpoint.write(kept, dict(student.state_dict()), self.stamp)
        if isinstance(student, InhibitorTransformer):
            self._write_ticket(student)
        return {name: predict(student, self.task.splits[name].data, self.device) for name in splits}

    def integer(self, said: Said, splits: tuple[str, ...]) -> dict[str, np.ndarray]:
        """Recipe `integer`: the logits by split of an integer student of the teacher's own shape."""
        config, kept = self.config, self.folder / "student.safetensors"
        home = teachers.locate(config.teacher.encoder, config.run.folder)
        large = Tokenizer.from_file(str(home / "tokenizer.json"))
        lesson = task_specific.lesson(self.task, said)
        stages = Stages(config, self.task, lesson, self.more, large, self.device, self._heard)
        student = stages.empty()
        if (state := checkpoint.read(kept, self.stamp)) is not None:
            student.load_state_dict(state)
        else:
            shown = self._teacher().encoder if config.layerwise.fine_tuned else self._encoder()
            begun = stages.before(shown, self.layers_folder, self.layers_stamp)
            student = stages.after(begun, self._teacher().encoder, self.folder, self.stamp)
            checkpoint.write(kept, dict(student.state_dict()), self.stamp)
        self._write_ticket(student)
        return {name: predict(student, self.task.splits[name].data, self.device) for name in splits}

    def _write_ticket(self, student: InhibitorTransformer) -> None:
        provenance = {"recipe": "hwsim distill", "configuration": dataclasses.asdict(self.config)}
        labels, tokenizer = self.task.task.labels, self.task.tokenizer
        ticket = student.to_ticket(labels=labels, tokenizer=tokenizer, provenance=provenance)
        token_ids, mask = self.task.splits["dev"].data.padded(
            np.arange(min(COMPARED, len(self.task.splits["dev"].data))), self.task.max_tokens
        )
        expected = hwsim.forward(ticket, token_ids, mask, trace=True).trace
        found = emulate(ticket, token_ids, mask, self.device)
        if (difference := first_difference("pytorch", expected, found, mask)) is not None:
            raise HwsimError(f"the student left the emulator's integers: {difference}")
        save_ticket(ticket, self.folder / "ticket.safetensors")

    def encoder(self, said: Said, splits: tuple[str, ...]) -> dict[str, np.ndarray]:
        """Recipe `layerwise`: the logits by split of the encoder with replaced attention."""
        config = self.config
        torch.manual_seed(config.seed)
        student = teacher.Teacher(self._encoder(), self.task.task.classes)
        replace.replace(student.encoder, config.layerwise.weights, config.layerwise.centring)
        bf16 = self.bf16 and config.layerwise.weights == "float"
        kept = self.folder / "student.safetensors"
        if (state := checkpoint.read(kept, self.stamp)) is not None:
            student.load_state_dict(state)
        else:
            lesson = task_specific.lesson(self.task, said, teacher_ids=True)
            part = config.layerwise
            layerwise.distill_layers(
                student.encoder,
                self._encoder(),
                lesson.data,
                Plan(part.epochs, part.batch, part.rate, seed=config.seed, bf16=bf16),
                self.device,
                partial(self._heard, self.folder),
                save=self.folder,
                save_every=config.run.save_every,
                stamp=self.stamp,
            )
            task_specific.distill_encoder(
                student,
                self._teacher(),
                lesson,
                self._plan(bf16),
                task_specific.Mixture(**vars(config.mixture)),
                self.device,
                after=partial(self._heard, self.folder, "student"),
                save=self.folder / "unfinished.safetensors",
                save_every=config.run.save_every,
                stamp=self.stamp,
            )
            checkpoint.write(kept, dict(student.state_dict()), self.stamp)
        return {
            name: teacher.record(student, teacher_pieces(self.task.splits[name]), self.device, bf16=bf16)[0]
            for name in splits
        }


def teacher_pieces(split: Split) -> Sequences:
    """The split as the teacher reads it."""
    assert split.teacher is not None
    return split.teacher
