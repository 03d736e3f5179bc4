"""Many texts through the emulator: batches of similar length, results in the given order."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hwsim import model
from hwsim.ticket import Ticket
from hwsim.tokens import Encoded

BATCH = 64


def logits(ticket: Ticket, encoded: Encoded, watch: Callable[[int], None] | None = None) -> np.ndarray:
    """Logits int32 [n, classes] of `hwsim.tokens.encode`'s batch.

    Texts are sorted by length and each batch is cut to its longest, which saves time and changes no
    integer: padding adds exactly nothing. watch: called with the number of texts done, batch by batch.
    """
    lengths = encoded.mask.sum(axis=1)
    order = np.argsort(lengths, kind="stable")
    out = np.empty((len(order), ticket.config.classes), np.int32)
    for start in range(0, len(order), BATCH):
        rows = order[start : start + BATCH]
        longest = int(lengths[rows].max())
        token_ids, mask = encoded.token_ids[rows, :longest], encoded.mask[rows, :longest]
        out[rows] = model.forward(ticket, token_ids, mask).logits
        if watch:
            watch(len(rows))
    return out


def accuracy(predictions: np.ndarray, labels: np.ndarray) -> float:
    """The fraction 0..1 of predictions that are right."""
    return float(np.mean(np.asarray(predictions) == np.asarray(labels)))


def labels(ticket: Ticket, logits: np.ndarray) -> list[str]:
    """The name of each row's largest logit (the first of equals), or its index if the ticket names none."""
    return [ticket.labels[i] if ticket.labels else str(i) for i in np.asarray(logits).argmax(axis=-1)]
