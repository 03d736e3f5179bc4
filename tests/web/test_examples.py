"""The texts that the page offers fit what its ticket was trained to tell apart."""

from __future__ import annotations

import pytest

import hwsim
from hwsim import ModelConfig
from hwsim.data import TASKS
from hwsim.evaluate import labels
from hwsim.tokens import encode
from hwsim.web.examples import FILMS, QUESTIONS, SENTENCES, examples


@pytest.mark.parametrize(
    ("task", "texts"),
    [("trec", QUESTIONS), ("sst2", FILMS), ("imdb", FILMS), ("sst5", FILMS), ("cola", SENTENCES)],
)
def test_a_ticket_offers_texts_of_its_task(task, texts):
    known = TASKS[task].labels
    config = ModelConfig(
        vocabulary=20, max_tokens=8, width=16, heads=2, layers=1, hidden=8, classes=len(known)
    )
    ticket = hwsim.random_ticket(config)
    assert examples(ticket.replace(labels=known)) == texts
    assert examples(ticket) == SENTENCES


@pytest.mark.parametrize(
    ("name", "answers"),
    [
        ("trec-tiny", ["HUM", "NUM", "LOC"]),
        ("sst2-tiny", ["positive", "negative", "positive"]),
        ("imdb-tiny", ["positive", "negative", "positive"]),
    ],
)
def test_a_shipped_ticket_answers_its_examples(name, answers):
    ticket = hwsim.load_ticket(name)
    encoded = encode(ticket, examples(ticket))
    logits = hwsim.forward(ticket, encoded.token_ids, encoded.mask).logits
    assert labels(ticket, logits) == answers
