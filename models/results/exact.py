"""Is a ticket exact? Its range proof, and NumPy against onnxruntime on every example of dev."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np

from hwsim import backend, model, ranges
from hwsim.errors import HwsimError, RangeError
from hwsim.models.runs.tasks import score
from hwsim.models.tasks import TaskData
from hwsim.onnx_export import export_model
from hwsim.onnx_export.profiles import PROFILES
from hwsim.onnx_export.runtime import open_session
from hwsim.ticket import Ticket

BATCH = 16

Found = dict[str, int | bool]
"""`range`: is every accumulator proved to fit; `examples`: how many there are, or were asked about of the
`dev` that there are; and by name of a profile: on how many of them its logits are NumPy's, 0 for one that
refuses the ticket."""


def judge(
    ticket: Ticket, task: TaskData, first: int | None = None, watch: Callable[[int], None] = lambda done: None
) -> tuple[Found, dict[str, float]]:
    """(what was found, the scores of NumPy's logits) of a ticket on a prepared task's dev.

    first: only so many of its examples; watch: called with the number of examples done, batch by batch.
    Raises HwsimError for a task in other pieces than the ticket's.
    """
    if json.loads(ticket.tokenizer) != json.loads(task.tokenizer):
        raise HwsimError(f"task {task.task.name} was prepared in other pieces than this ticket's")
    part = task.splits["dev"]
    # Texts of one length together, as in `hwsim.evaluate`.
    order = np.argsort(part.data.lengths[:first], kind="stable")
    found: Found = {"range": all(bound.ok for bound in ranges.prove(ticket))}
    found |= dict.fromkeys(PROFILES, 0) | {"examples": len(order)}
    if len(order) < len(part.data):
        found["dev"] = len(part.data)
    sessions = {}
    for profile in PROFILES:
        try:
            sessions[profile] = open_session(export_model(ticket, profile=profile).SerializeToString(), True)
        except RangeError:
            continue
    logits = np.empty((len(order), ticket.config.classes), np.int32)
    with backend.using("numpy"):
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            token_ids, mask = part.data.padded(rows, int(part.data.lengths[rows].max()))
            logits[rows] = model.forward(ticket, token_ids, mask).logits
            feeds = {"token_ids": token_ids.astype(np.int32), "mask": mask.astype(np.int32)}
            for profile, session in sessions.items():
                (said,) = session.run(["logits"], feeds)
                found[profile] += int((said == logits[rows]).all(axis=1).sum())
            watch(len(rows))
    return found, score(task.task, logits.astype(np.float32), part.labels[: len(order)])


def is_exact(found: Found) -> bool:
    """Whether nothing can overflow and all examples are equal in all profiles."""
    return bool(found["range"]) and all(found[profile] == found["examples"] for profile in PROFILES)
