"""Control: an unpruned model trained for as long as the whole search for a ticket took.

A ticket at the end of a ladder has cost one training a rung and the dense one. Who has that time could spend
it on one long training. Epochs are whole: where rounds begin at a rewind point and so are a little shorter
than a training, the control has a little more steps than the search had.
"""

from __future__ import annotations

from collections.abc import Sequence

from hwsim.models.pruning.plan import Round, falling, label


def long_dense(densities: Sequence[float]) -> list[Round]:
    """One training for each density, of as many epochs as all trainings of the ladder down to there."""
    return [
        Round(label("long_dense", d), "long_dense", d, trainings=i + 2)
        for i, d in enumerate(falling(densities))
    ]
