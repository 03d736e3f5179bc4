"""The texts that the page offers to try: of the kind that the ticket was trained to tell apart."""

from __future__ import annotations

from hwsim.data.tasks import TASKS
from hwsim.ticket import Ticket

FILMS = (
    "A warm, funny and quietly moving film.",
    "The plot is thin, the jokes are stale, and I kept looking at my watch.",
    "Not a masterpiece, but I would happily see it again.",
)
QUESTIONS = (
    "Who keeps the keys of the old town hall?",
    "How many bridges cross the river below the mill?",
    "Where do the swallows of this village spend the winter?",
)
SENTENCES = (
    "The last ferry leaves at nine.",
    "My neighbour grows pears against a wall.",
    "The dog that chased is asleep the postman.",
)
"""Of no kind; the third is not English."""

_OF_LABELS = {
    TASKS["sst2"].labels: FILMS,
    TASKS["sst5"].labels: FILMS,
    TASKS["trec"].labels: QUESTIONS,
}


def examples(ticket: Ticket) -> tuple[str, ...]:
    """Three texts written for the page; a ticket of labels that no task of them has gets plain sentences."""
    return _OF_LABELS.get(ticket.labels, SENTENCES)
