"""The metrics against values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hwsim import metrics
from hwsim.data import TASKS
from hwsim.errors import HwsimError

# True positives 3, false negatives 1, false positives 2, true negatives 2.
LABELS = [1, 1, 1, 1, 0, 0, 0, 0]
FOUND = [1, 1, 1, 0, 1, 1, 0, 0]


def test_accuracy():
    assert metrics.accuracy(FOUND, LABELS) == 5 / 8


def test_matthews_of_two_classes():
    assert metrics.matthews(FOUND, LABELS) == pytest.approx((3 * 2 - 2 * 1) / math.sqrt(5 * 4 * 4 * 3))
    assert metrics.matthews(LABELS, LABELS) == 1
    assert metrics.matthews(1 - np.array(LABELS), LABELS) == -1


def test_matthews_of_three_classes():
    # Confusion [[1, 1, 0], [0, 1, 0], [0, 1, 1]]: trace 3 of 5, predicted (1, 3, 1), true (2, 1, 2).
    found, labels = [0, 1, 1, 1, 2], [0, 0, 1, 2, 2]
    assert metrics.matthews(found, labels) == pytest.approx(
        (3 * 5 - (1 * 2 + 3 * 1 + 1 * 2)) / math.sqrt((25 - 11) * (25 - 9))
    )


def test_matthews_of_one_predicted_class_is_zero():
    assert metrics.matthews([1, 1, 1], [0, 1, 1]) == 0


def test_macro_f1():
    positive, negative = 2 * 3 / (5 + 4), 2 * 2 / (3 + 4)
    assert metrics.macro_f1(FOUND, LABELS) == pytest.approx((positive + negative) / 2)


def test_macro_f1_counts_a_class_that_is_never_found():
    assert metrics.macro_f1([0, 0, 0], [0, 0, 2]) == pytest.approx((4 / 5 + 0) / 2)


def test_pearson():
    # Deviations (-1, 0, 1) and (-4/3, -1/3, 5/3): 3 over the root of 2 times 14/3.
    assert metrics.pearson([1, 2, 3], [1, 2, 4]) == pytest.approx(3 / math.sqrt(2 * 14 / 3))
    assert metrics.pearson([1, 2, 3], [5, 5, 5]) == 0
    assert metrics.pearson([1, 2, 3], [-2, -4, -6]) == pytest.approx(-1)


def test_spearman_looks_at_ranks_and_shares_ties():
    assert metrics.ranks([10, 20, 20, 5]).tolist() == [2, 3.5, 3.5, 1]
    assert metrics.spearman([1, 10, 100], [2, 3, 4]) == pytest.approx(1)
    # Without ties: 1 - 6 sum d^2 / (n (n^2 - 1)), ranks (1, 2, 3, 4) against (2, 1, 4, 3).
    assert metrics.spearman([1, 2, 3, 4], [20, 10, 40, 30]) == pytest.approx(1 - 6 * 4 / (4 * 15))
    assert metrics.spearman([1, 2, 2, 3], [1, 2, 3, 4]) == pytest.approx(4.5 / math.sqrt(4.5 * 5))


def test_mean_squared_error():
    assert metrics.mean_squared_error([1.0, 2.0], [0.0, 4.0]) == 2.5


@pytest.mark.parametrize("name", metrics.METRICS)
@pytest.mark.parametrize("sides", [([1], [1, 0]), ([], []), ([[1]], [[1]])])
def test_what_does_not_fit_is_refused(name, sides):
    with pytest.raises(HwsimError, match="labels"):
        metrics.METRICS[name](*sides)


def test_every_task_has_known_metrics():
    assert {name for task in TASKS.values() for name in task.metrics} <= set(metrics.METRICS)


def test_divergence_is_zero_where_answers_agree_up_to_a_constant():
    logits = np.array([[1.0, -1.0, 0.5], [0.0, 3.0, 0.0]])
    assert metrics.divergence(logits + np.array([[7.0], [-2.0]]), logits) == pytest.approx(0, abs=1e-12)


def test_divergence():
    # The teacher says 3/4 and 1/4, the student 1/2 and 1/2.
    found = metrics.divergence(np.zeros((2, 2)), np.log(np.array([[3.0, 1.0], [1.0, 3.0]])))
    assert found == pytest.approx(0.75 * math.log(1.5) + 0.25 * math.log(0.5))


def test_divergence_of_other_shapes_is_refused():
    with pytest.raises(HwsimError, match=r"\(2, 2\) logits do not fit \(2, 3\)"):
        metrics.divergence(np.zeros((2, 2)), np.zeros((2, 3)))


def test_cross_entropy_is_the_mean_surprise():
    logits = np.log([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]])
    assert metrics.cross_entropy(logits, np.array([0, 1])) == pytest.approx((math.log(2) + math.log(10)) / 2)
    assert metrics.cross_entropy(logits + 900, np.array([0, 1])) == pytest.approx(
        (math.log(2) + math.log(10)) / 2
    )


def test_calibration_error_is_the_gap_of_each_interval():
    # Of 15 intervals 0.9 falls into the 14th and 0.6 into the 9th, whose upper end it is.
    sure, unsure = np.log([0.9, 0.1]), np.log([0.4, 0.6])
    logits = np.array([sure, sure, sure, sure, unsure, unsure])
    labels = np.array([0, 0, 0, 1, 1, 0])
    expected = (4 * abs(3 / 4 - 0.9) + 2 * abs(1 / 2 - 0.6)) / 6
    assert metrics.calibration_error(logits, labels) == pytest.approx(expected)
    assert metrics.calibration_error(np.array([[50.0, -50.0]]), np.array([0])) == pytest.approx(0)


@pytest.mark.parametrize("function", [metrics.cross_entropy, metrics.calibration_error])
def test_logits_and_labels_of_different_counts_are_refused(function):
    with pytest.raises(HwsimError, match=r"\(3, 2\) logits do not fit \(2,\) labels"):
        function(np.zeros((3, 2)), np.zeros(2, int))
