"""What `hwsim distill` reads. Its help and docs/distillation.md are written from these fields."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hwsim.config import WEIGHT_LIMITS
from hwsim.data.tasks import TASKS
from hwsim.errors import ConfigError
from hwsim.models.runs import config as runs
from hwsim.models.runs import settings
from hwsim.models.runs.config import DEVICES, Model, check_span, find
from hwsim.models.runs.settings import setting

if TYPE_CHECKING:
    from hwsim.models.pruning.gradual import GradualSchedule

RECIPES = ("teacher", "task", "layerwise", "integer")
TEXT_TASKS = tuple(name for name, task in TASKS.items() if task.text)


@dataclass(frozen=True)
class Task:
    """Which prepared token ids."""

    name: str = setting("sst2", "a data set with text", choices=TEXT_TASKS)
    folder: str = setting(
        "prepared", "where `python -m hwsim.models.tasks` wrote them, in a teacher's pieces too"
    )


@dataclass(frozen=True)
class Teacher:
    """A pre-trained encoder, fine-tuned on the task."""

    encoder: str = setting("minilm", "minilm, mpnet, or an encoder's folder")
    seed: int = setting(0, "of its own; `seed` is the student's", low=0, high=2**32 - 1)
    epochs: int = setting(4, "passes over the training sequences", low=1, high=1000)
    batch: int = setting(128, "sequences a step", low=1, high=1 << 16)
    rate: float = setting(3e-5, "peak learning rate", low=0, high=1)


@dataclass(frozen=True)
class Training:
    """The student on the task."""

    epochs: int = setting(8, "passes over labelled and unlabelled sequences", low=1, high=100_000)
    batch: int = setting(512, "sequences a step", low=1, high=1 << 20)
    rate: float = setting(2.5e-3, "peak learning rate; about 3e-5 for a whole encoder", low=0, high=10)
    scale_rate: float = setting(2e-2, "peak learning rate of shifts and deltas", low=0, high=10)
    weight_decay: float = setting(0.01, "of the matrices", low=0, high=10)
    word_dropout: float = setting(
        0.05, "share of training tokens made unknown (small students)", low=0, high=1
    )
    answers: str = setting(
        "", "another teacher's answers to the task, in place of the own one's: teacher-HASH/said.safetensors"
    )


@dataclass(frozen=True)
class Layerwise:
    """An encoder with replaced attention, or an integer student of its shape, before it sees the task."""

    weights: str = setting(
        "float", "float, or integer weights and int8 inputs everywhere", choices=("float", *WEIGHT_LIMITS)
    )
    centring: str = setting("min", "what is subtracted from a query's scores", choices=("min", "mean"))
    epochs: int = setting(
        1, "passes of each stage: every layer's attention, then all hidden states; 0: neither", low=0
    )
    batch: int = setting(128, "sequences a step", low=1, high=1 << 16)
    rate: float = setting(1e-4, "peak learning rate of each stage", low=0, high=1)
    attention: bool = setting(True, "integer: whether the attention stages take place")
    fine_tuned: bool = setting(
        False, "integer: whether the fine-tuned teacher shows the states, not the pre-trained"
    )
    transplant: bool = setting(True, "integer: whether the first weights are the teacher's")
    also: str = setting(
        "", "integer: tasks prepared in the same folder, with commas between, whose training texts serve, too"
    )
    start: str = setting(
        "",
        "integer: a student kept by another task of this vocabulary (layers-HASH/hidden-states.safetensors)",
    )

    @property
    def others(self) -> list[str]:
        """The names in `also`."""
        return [name.strip() for name in self.also.split(",") if name.strip()]


@dataclass(frozen=True)
class Mixture:
    """What a student is told."""

    soft: float = setting(0.9, "share of the teacher's answer where a label is known", low=0, high=1)
    hidden: float = setting(0.1, "weight of the loss on hidden states", low=0, high=1000)
    temperature: float = setting(1.0, "softens both answers", low=0.1, high=100)


@dataclass(frozen=True)
class Pruning:
    """Gradual pruning of an integer student."""

    density: float = setting(
        1.0, "final share of non-zero encoder weights; 1: none is pruned", low=1e-4, high=1
    )
    start: float = setting(runs.Pruning.start, "share of training before the first pruning", low=0, high=1)
    end: float = setting(runs.Pruning.end, "share of training at which the density is reached", low=0, high=1)
    every: int = setting(runs.Pruning.every, "steps between two prunings", low=1)
    rule: str = setting(
        "magnitude",
        "which weights of a layer go: the smallest, or random ones, as a control",
        choices=("magnitude", "random"),
    )

    def __post_init__(self) -> None:
        check_span(self.start, self.end)

    def schedule(self, seed: int) -> GradualSchedule:
        """When to prune, and what."""
        # Not above: a command's help reads this file, and must not need PyTorch.
        from hwsim.models.pruning.gradual import GradualSchedule

        lot = seed if self.rule == "random" else None
        return GradualSchedule(self.density, self.start, self.end, self.every, lot)


@dataclass(frozen=True)
class Run:
    """How it is carried out. Nothing here decides a weight."""

    folder: str = setting("runs", "where the folders of teacher and student are made")
    device: str = setting("auto", "auto: a GPU if there is one", choices=DEVICES)
    check_every: int = setting(
        1000, "steps between two comparisons of an integer student with the emulator; 0: none", low=0
    )
    save_every: int = setting(500, "steps between two checkpoints; 0: none", low=0)
    tensorboard: bool = setting(True, "write TensorBoard events")
    test: bool = setting(False, "score the test split too: once, for a record that is kept")


@dataclass(frozen=True)
class DistillConfig:
    """A whole distillation."""

    recipe: str = setting(
        "task",
        "fine-tune the teacher only, or teach a small student, an encoder, an integer student of its shape",
        choices=RECIPES,
    )
    seed: int = setting(0, "of the student's weights, order and dropout", low=0, high=2**32 - 1)
    task: Task = setting(Task, "")
    teacher: Teacher = setting(Teacher, "")
    student: Model = setting(Model, "")
    layerwise: Layerwise = setting(Layerwise, "")
    mixture: Mixture = setting(Mixture, "")
    training: Training = setting(Training, "")
    pruning: Pruning = setting(Pruning, "")
    run: Run = setting(Run, "")

    def __post_init__(self) -> None:
        if self.student.kind == "integer_dot":
            raise ConfigError(
                "student.kind is integer_dot; hwsim train teaches it, with the teacher's logits in "
                "distillation.logits"
            )

    def digest(self, data: str, of: str = "student") -> str:
        """First 12 hex digits of the SHA-256 of all that decides the student, or one of what comes before.

        data: what the prepared task is known by; its folder is not part of it, nor is `run`.
        of: student; teacher; layers, an integer student before it sees the task, whatever its grid will be.
        """
        fields = dataclasses.asdict(self)
        used = {
            "student": tuple(name for name in fields if name not in ("run", "task")),
            "teacher": ("teacher",),
            "layers": ("recipe", "seed", "teacher", "student", "layerwise"),
        }[of]
        decided = {name: fields[name] for name in used} | {"data": data}
        if of == "layers":
            del decided["student"]["weights"]
            decided |= {
                name: fields["training"][name] for name in ("scale_rate", "weight_decay", "word_dropout")
            }
        return hashlib.sha256(json.dumps(decided, sort_keys=True).encode()).hexdigest()[:12]

    def to_toml(self) -> str:
        """The file that gives this configuration again, every field written out."""
        return settings.to_toml(dataclasses.asdict(self))


def load(path: str | Path, assignments: Sequence[str] = ()) -> DistillConfig:
    """The configuration in a file or shipped under a name, with `--set` assignments made.

    Raises ConfigError naming file and field for anything that is not exactly a configuration.
    """
    path = find(Path(path), "distill")
    return settings.load(DistillConfig, path, settings.read(path), assignments)
