"""Many texts: order, padding and batching change nothing."""

from __future__ import annotations

import numpy as np

import hwsim
from hwsim import evaluate
from hwsim.tokens import Encoded


def test_batches_by_length_give_the_same_logits_in_the_given_order() -> None:
    config = hwsim.ModelConfig(
        vocabulary=99, max_tokens=16, width=16, heads=2, layers=1, hidden=16, classes=3
    )
    ticket = hwsim.random_ticket(config)
    token_ids, mask = hwsim.random_tokens(config, 2 * evaluate.BATCH + 3)
    done: list[int] = []
    got = evaluate.logits(ticket, Encoded(token_ids, mask, [], 0), done.append)
    np.testing.assert_array_equal(got, hwsim.forward(ticket, token_ids, mask).logits)
    assert got.dtype == np.int32
    assert done == [evaluate.BATCH, evaluate.BATCH, 3]


def test_accuracy_is_a_fraction() -> None:
    assert evaluate.accuracy(np.array([1, 0, 1, 1]), np.array([1, 1, 1, 0])) == 0.5


def test_labels() -> None:
    config = hwsim.ModelConfig(vocabulary=9, max_tokens=8, width=16, heads=2, layers=1, hidden=16, classes=2)
    ticket = hwsim.random_ticket(config)
    logits = np.array([[1, 2], [3, 3]])
    assert evaluate.labels(ticket, logits) == ["1", "0"]
    assert evaluate.labels(ticket.replace(labels=("bad", "good")), logits) == ["good", "bad"]
