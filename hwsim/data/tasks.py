"""What is measured on each data set: classes or a score, one text or two, and the metrics."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Task:
    """A data set as a task. Its examples come from `hwsim.data.load`."""

    name: str
    labels: tuple[str, ...]
    """The names of the classes; empty for a regression task, which has one output."""
    metrics: tuple[str, ...]
    """Names of `hwsim.metrics.METRICS`; the first is the one to select by."""
    pair: bool = False
    """Two texts an example."""
    text: bool = True
    """False for the generated adding problem."""
    tokens: int = 64
    """n_max of a model for it, unless told otherwise."""
    transfer: bool = False
    """Sentences of film reviews, unlabelled, are of its domain."""

    @property
    def regression(self) -> bool:
        """True if labels are real scores."""
        return not self.labels

    @property
    def classes(self) -> int:
        """Outputs of a model for this task."""
        return len(self.labels) or 1


_SENTIMENT = ("negative", "positive")

TASKS = {
    task.name: task
    for task in (
        Task("sst2", _SENTIMENT, ("accuracy",), transfer=True),
        Task("imdb", _SENTIMENT, ("accuracy",), tokens=256),
        Task(
            "sst5",
            ("very negative", "negative", "neutral", "positive", "very positive"),
            ("accuracy", "macro_f1"),
        ),
        Task("trec", ("ABBR", "ENTY", "DESC", "HUM", "LOC", "NUM"), ("accuracy", "macro_f1")),
        Task("cola", ("unacceptable", "acceptable"), ("matthews", "accuracy")),
        Task("rte", ("entailment", "not_entailment"), ("accuracy",), pair=True, tokens=256),
        Task("stsb", (), ("pearson", "spearman"), pair=True, tokens=128),
        Task("adding", (), ("mean_squared_error",), text=False),
    )
}
"""By name."""
