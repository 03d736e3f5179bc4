"""What a training run is made of. `hwsim train --help` and docs/runs.md are written from these fields."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from hwsim import sizes
from hwsim.config import INHIBITIONS, WEIGHT_LIMITS, ModelConfig
from hwsim.data.tasks import TASKS
from hwsim.errors import ConfigError
from hwsim.models.runs import settings
from hwsim.models.runs.settings import setting
from hwsim.ops.manhattan_score import CENTRINGS

KINDS = ("integer", "integer_dot", "float_dot", "float_inhibitor")
DOT_TOKENS = 128
"""The largest published size below 242 tokens, from where a share of `hwsim.baseline`'s pooling is 0."""
METHODS = ("none", "gradual", "one_shot", "iterative", "random", "random_global")
"""Those of hwsim.models.pruning whose rounds follow one another; `hwsim search` runs the others too."""
RULES = (
    *("magnitude", "magnitude_global", "grid_magnitude", "grid_magnitude_global"),
    *("n_m", "n_m_8", "random", "random_global"),
)
DEVICES = ("auto", "cpu", "cuda")
NOT_HASHED = "run"
"""The section that says how a run is carried out, not what is computed."""


@dataclass(frozen=True)
class Task:
    """Which sequences, and what is asked of them."""

    name: str = setting("toy", "made up (toy, adding), or a data set", choices=("toy", *TASKS))
    folder: str = setting("", "folder of the data set's prepared token ids (hwsim.models.tasks)")
    examples: int = setting(0, "use only so many training sequences; 0: all", low=0)

    @property
    def words(self) -> bool:
        """Whether ids stand for words, as in text and in toy; in the adding problem they are numbers."""
        return self.name not in TASKS or TASKS[self.name].text


@dataclass(frozen=True)
class Model:
    """The architecture; vocabulary and classes come from the task."""

    kind: str = setting("integer", "the integer model, or its twins as yardsticks", choices=KINDS)
    max_tokens: int = setting(64, f"longest sequence, one of {sizes.MAX_TOKENS}", low=1)
    width: int = setting(128, f"width of the residual stream, one of {sizes.WIDTHS}", low=1)
    heads: int = setting(4, "attention heads", low=1)
    layers: int = setting(3, "encoder blocks", low=1, high=sizes.MAX_LAYERS)
    hidden: int = setting(512, "width of the feed-forward layer", low=8, high=sizes.MAX_HIDDEN)
    weights: str = setting("ternary", "grid of the encoder's weights", choices=WEIGHT_LIMITS)
    residual_bits: int = setting(16, "bits of the residual stream", low=8, high=16)
    inhibition: str = setting("signed", "whether negative values are inhibited too", choices=INHIBITIONS)
    centring: str = setting("min", "what is subtracted from the scores of a query", choices=CENTRINGS)
    inner_norms: bool = setting(False, "normalise again before the two output projections")
    embed_shift: int = setting(3, "left shift of the embedding sum", low=0, high=7)

    def __post_init__(self) -> None:
        self.architecture(vocabulary=1, classes=1)

    def architecture(self, vocabulary: int, classes: int) -> ModelConfig:
        """Raises ConfigError naming the field for sizes the hardware does not have."""
        fields = dataclasses.asdict(self)
        del fields["kind"]
        try:
            return ModelConfig(vocabulary=vocabulary, classes=classes, **fields)
        except ConfigError as error:
            raise ConfigError(str(error).replace("config: ", "model.", 1)) from error


@dataclass(frozen=True)
class Training:
    """One AdamW run with a cosine."""

    epochs: int = setting(8, "passes over the training sequences", low=1, high=100_000)
    batch: int = setting(512, "sequences a step, over all processes", low=1, high=1 << 20)
    shards: int = setting(1, "equal parts of a batch whose gradients are added up", low=1, high=1024)
    rate: float = setting(2.5e-3, "peak learning rate", low=0, high=10)
    scale_rate: float = setting(2e-2, "peak learning rate of shifts and deltas", low=0, high=10)
    weight_decay: float = setting(0.01, "of the matrices", low=0, high=10)
    word_dropout: float = setting(0.05, "share of training tokens made unknown", low=0, high=1)
    start: str = setting("", "kind integer: a ticket of the same sizes whose weights are the first ones")


def check_span(start: float, end: float) -> None:
    """Raises ConfigError unless gradual pruning ends after its start."""
    if start >= end:
        raise ConfigError(f"pruning.start is {start}; it lies below pruning.end, {end}")


@dataclass(frozen=True)
class Pruning:
    """How weights are taken away, and from where training goes on."""

    method: str = setting("none", "when weights go (docs/pruning.md)", choices=METHODS)
    density: float = setting(0.2, "final share of non-zero encoder weights", low=1e-4, high=1)
    rule: str = setting("magnitude", "one_shot, iterative: which weights go", choices=RULES)
    keep: float = setting(0.8, "iterative: share of the remaining weights kept a round", low=0.01, high=0.99)
    rewind: str = setting("init", "one_shot, iterative: init, step:K or rate:K")
    start: float = setting(0.1, "gradual: share of training before the first pruning", low=0, high=1)
    end: float = setting(0.7, "gradual: share of training at which the density is reached", low=0, high=1)
    every: int = setting(50, "gradual: steps between two prunings", low=1)

    def __post_init__(self) -> None:
        check_span(self.start, self.end)
        kind, _, step = self.rewind.partition(":")
        if self.rewind != "init" and not (kind in ("step", "rate") and step.isdecimal()):
            raise ConfigError(
                f'pruning.rewind is "{self.rewind}"; write init, step:K or rate:K with a step K'
            )
        if self.density == 1 and self.method != "none":
            raise ConfigError(f"pruning.density is 1; {self.method} pruning needs one below, or method none")


@dataclass(frozen=True)
class Distillation:
    """Soft labels of a teacher."""

    logits: str = setting(
        "", "a teacher's logits by split (logits.npz, or said.safetensors with states); empty: no teacher"
    )
    weight: float = setting(0.9, "share of the teacher in the loss where a label is known", low=0, high=1)
    temperature: float = setting(1.0, "softens the teacher's answer and the student's", low=0.1, high=100)
    hidden: float = setting(
        0.0, "weight of the loss on the teacher's state of the whole text (hwsim search)", low=0, high=1000
    )

    def __post_init__(self) -> None:
        if self.hidden and not self.logits.endswith(".safetensors"):
            raise ConfigError(
                f"distillation.hidden is {self.hidden}; the teacher's states are in its said.safetensors: "
                "name that file in distillation.logits"
            )


@dataclass(frozen=True)
class Run:
    """How the run is carried out. Nothing here is part of the hash: it decides no weight."""

    folder: str = setting("runs", "where the run's folder is made")
    device: str = setting("auto", "auto: a GPU if there is one", choices=DEVICES)
    eval_every: int = setting(500, "steps between two evaluations on dev; 0: only the last", low=0)
    check_every: int = setting(500, "steps between two comparisons with the emulator; 0: none", low=0)
    save_every: int = setting(500, "steps between two checkpoints; 0: only when interrupted", low=0)
    tensorboard: bool = setting(True, "write TensorBoard events")


@dataclass(frozen=True)
class RunConfig:
    """A whole training run."""

    seed: int = setting(0, "of weights, order and dropout", low=0, high=2**32 - 1)
    task: Task = setting(Task, "")
    model: Model = setting(Model, "")
    training: Training = setting(Training, "")
    pruning: Pruning = setting(Pruning, "")
    distillation: Distillation = setting(Distillation, "")
    run: Run = setting(Run, "")

    def __post_init__(self) -> None:
        kind, tokens = self.model.kind, self.model.max_tokens
        if kind.startswith("float") and self.pruning.method != "none":
            raise ConfigError(f"pruning.method is {self.pruning.method}; a {kind} model takes none")
        if kind != "integer" and self.training.start:
            raise ConfigError(f"training.start names a ticket; model.kind {kind} takes none")
        if kind == "integer_dot" and tokens > DOT_TOKENS:
            raise ConfigError(
                f"model.max_tokens is {tokens}; model.kind integer_dot pools by equal shares of 127, "
                f"which round to 0 in a long sequence: at most {DOT_TOKENS}"
            )
        if self.training.batch < self.training.shards:
            raise ConfigError(f"training.shards is {self.training.shards}; a batch has {self.training.batch}")

    def to_toml(self) -> str:
        """The file that gives this configuration again, every field written out."""
        return settings.to_toml(dataclasses.asdict(self))

    def digest(self) -> str:
        """First 12 hex digits of the SHA-256 of everything that decides the result."""
        fields = dataclasses.asdict(self)
        del fields[NOT_HASHED]
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:12]


def shipped(kind: str = "") -> list[str]:
    """Names of the configurations that come with hwsim. kind: distill for those of `hwsim distill`."""
    folder = resources.files("hwsim.models") / "configs" / kind
    return sorted(
        entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml")
    )


def load(source: str | Path, assignments: Sequence[str] = ()) -> RunConfig:
    """The configuration in a file, in a run's folder, or shipped under a name, with `--set` assignments.

    Raises ConfigError for anything that is not exactly a configuration.
    """
    path = find(Path(source))
    values: dict[str, Any] = settings.read(path)
    if path.parent == Path(source):
        values = settings.override(values, [f"run.folder={json.dumps(str(path.parent.parent))}"])
    return settings.load(RunConfig, path, values, assignments)


def find(path: Path, kind: str = "") -> Path:
    """The file of a configuration: the path itself, one in a run's folder, or one of `shipped(kind)`."""
    file = path / "config.toml" if path.is_dir() else path
    if file.exists():
        return file
    if str(path) in shipped(kind):
        with resources.as_file(resources.files("hwsim.models") / "configs" / kind / f"{path}.toml") as found:
            return found
    names = ", ".join(shipped(kind))
    raise ConfigError(f"{file}: no such file; configurations that come with hwsim: {names}")
