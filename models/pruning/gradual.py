"""Method: the density falls while one training runs (Zhu and Gupta 2017, arXiv 1710.01878)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hwsim.models.float_sparse import Model
from hwsim.models.pruning.magnitude import magnitude
from hwsim.models.pruning.plan import Round, label
from hwsim.models.pruning.random_masks import random_layerwise
from hwsim.models.runs.config import Pruning


def gradual(densities: Sequence[float]) -> list[Round]:
    """One training from the initial weights for each density."""
    return [Round(label("gradual", d), "gradual", d, prune="gradual") for d in densities]


def cubic_density(progress: float, start: float, final: float) -> float:
    """Fast at first, slow at the end; progress 0..1 of the pruning phase."""
    return final + (start - final) * (1 - min(max(progress, 0.0), 1.0)) ** 3


def prune_by_magnitude(model: Model, density: float) -> None:
    """One pruning of the gradual schedule: layer by layer, on latent weights, which may come back."""
    magnitude(model, density, regrow=True)


@dataclass(frozen=True)
class GradualSchedule:
    """When to prune, and how far, in one training."""

    density: float
    """What is reached, exactly, at the end; 1 leaves the masks alone."""
    begin: float = Pruning.start
    until: float = Pruning.end
    """The share of training in which the density falls."""
    every: int = Pruning.every
    """Steps between two prunings."""
    lot: int | None = None
    """A seed: weights go at random, layer by layer, as a control; what has gone stays away."""

    def at(self, step: int, steps: int) -> float | None:
        """The density to prune to before this step, or None. The last pruning reaches `density` itself."""
        if self.density == 1:
            return None
        first, last = round(self.begin * steps), min(round(self.until * steps), steps - 1)
        if step == last:
            return self.density
        if not first <= step < last or (step - first) % self.every:
            return None
        return cubic_density((step - first) / (last - first), 1.0, self.density)

    def __call__(self, model: Model, step: int, steps: int) -> None:
        """Prune `model` if it is time to."""
        if (density := self.at(step, steps)) is None:
            return
        if self.lot is None:
            prune_by_magnitude(model, density)
        else:
            random_layerwise(model, density, seed=self.lot)
