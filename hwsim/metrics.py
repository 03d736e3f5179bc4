"""What a model's outputs are worth: answers against labels, and how sure the model was of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from hwsim.errors import HwsimError

Values = np.ndarray | Sequence[float]


def _pair(predictions: Values, labels: Values) -> tuple[np.ndarray, np.ndarray]:
    predictions, labels = np.asarray(predictions), np.asarray(labels)
    if predictions.shape != labels.shape or predictions.ndim != 1 or not predictions.size:
        raise HwsimError(
            f"{predictions.shape} predictions do not fit {labels.shape} labels; both are lists of one length"
        )
    return predictions, labels


def accuracy(predictions: Values, labels: Values) -> float:
    """The fraction 0..1 of predicted classes that are right."""
    predictions, labels = _pair(predictions, labels)
    return float(np.mean(predictions == labels))


def _confusion(predictions: Values, labels: Values) -> np.ndarray:
    """Counts [label, prediction] over the classes that occur in either."""
    predictions, labels = _pair(predictions, labels)
    classes = np.union1d(predictions, labels)
    table = np.zeros((len(classes), len(classes)), np.int64)
    np.add.at(table, (np.searchsorted(classes, labels), np.searchsorted(classes, predictions)), 1)
    return table


def matthews(predictions: Values, labels: Values) -> float:
    """Matthews' correlation of classes, -1..1, for any number of them (Gorodkin 2004); 0 if undefined."""
    table = _confusion(predictions, labels).astype(float)
    predicted, true, total = table.sum(axis=0), table.sum(axis=1), table.sum()
    covariance = np.trace(table) * total - predicted @ true
    spread = (total**2 - predicted @ predicted) * (total**2 - true @ true)
    return float(covariance / np.sqrt(spread)) if spread > 0 else 0.0


def macro_f1(predictions: Values, labels: Values) -> float:
    """The mean over classes of the harmonic mean of precision and recall, 0..1."""
    table = _confusion(predictions, labels)
    return float(np.mean(2 * np.diag(table) / (table.sum(axis=0) + table.sum(axis=1))))


def pearson(predictions: Values, labels: Values) -> float:
    """Linear correlation, -1..1; 0 if one side is constant."""
    x, y = (side.astype(float) - side.mean() for side in _pair(predictions, labels))
    spread = np.sqrt((x @ x) * (y @ y))
    return float(x @ y / spread) if spread > 0 else 0.0


def ranks(values: Values) -> np.ndarray:
    """Ranks from 1; equal values share the mean of their ranks."""
    values = np.asarray(values)
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return (last - (count - 1) / 2)[place]


def spearman(predictions: Values, labels: Values) -> float:
    """Pearson's correlation of the ranks."""
    predictions, labels = _pair(predictions, labels)
    return pearson(ranks(predictions), ranks(labels))


def mean_squared_error(predictions: Values, labels: Values) -> float:
    """The mean of the squared differences."""
    predictions, labels = _pair(predictions, labels)
    return float(np.mean((predictions.astype(float) - labels) ** 2))


def divergence(logits: np.ndarray, teacher: np.ndarray) -> float:
    """The mean Kullback-Leibler divergence, in nats, of a student's answers from its teacher's.

    Both are real logits [n, classes]. 0 where they agree; a finer measure than accuracy, since every
    example counts by how much it is off.
    """
    if logits.shape != teacher.shape:
        raise HwsimError(f"{logits.shape} logits do not fit {teacher.shape} of the teacher")
    student, said = _log_softmax(logits), _log_softmax(teacher)
    return float(np.mean(np.sum(np.exp(said) * (said - student), axis=-1)))


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> float:
    """The mean of -log(probability of the right class), in nats; real logits [n, classes], labels [n]."""
    _check_classes(logits, labels)
    return float(-np.mean(_log_softmax(logits)[np.arange(len(labels)), labels]))


def calibration_error(logits: np.ndarray, labels: np.ndarray, bins: int = 15) -> float:
    """The expected calibration error, 0..1 (Guo et al. 2017, arXiv 1706.04599).

    Answers are sorted by their confidence, the largest probability, into equal intervals of 0..1, each with
    its upper end; the mean over all answers of |right share - mean confidence| of their interval.
    logits [n, classes] are real, labels [n].
    """
    _check_classes(logits, labels)
    confidence = np.exp(np.max(_log_softmax(logits), axis=-1))
    right = logits.argmax(axis=-1) == labels
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    # What a bin adds is |sum of (right - confidence)|, its size cancels.
    gaps = np.bincount(place, weights=right - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(labels))


def _check_classes(logits: np.ndarray, labels: np.ndarray) -> None:
    if logits.ndim != 2 or labels.shape != logits.shape[:1] or not len(labels):
        raise HwsimError(f"{logits.shape} logits do not fit {labels.shape} labels; [n, classes] and [n] do")


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    x = logits.astype(float) - np.max(logits, axis=-1, keepdims=True).astype(float)
    return x - np.log(np.sum(np.exp(x), axis=-1, keepdims=True))


METRICS: dict[str, Callable[[Values, Values], float]] = {
    function.__name__: function
    for function in (accuracy, matthews, macro_f1, pearson, spearman, mean_squared_error)
}
"""By name; larger is better except for mean_squared_error."""
