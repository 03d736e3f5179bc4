"""Method: train, prune once, and train on: what pruning does without any lottery (Han et al. 2015).

The weights stay as trained and get a second training, with the whole schedule of the first: as many steps as
a ticket of a single round. The optimiser begins anew.
"""

from __future__ import annotations

from collections.abc import Sequence

from hwsim.models.pruning.plan import DENSE, Round, dense, label


def pruned_finetuned(densities: Sequence[float]) -> list[Round]:
    """Every density is cut from the same dense training."""
    rounds = [
        Round(label("pruned_finetuned", d), "pruned_finetuned", d, DENSE, "rule", rewinds=False)
        for d in densities
    ]
    return dense(densities) + rounds
