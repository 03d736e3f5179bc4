"""A method as a list of trainings: what each starts from and how its mask is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hwsim.errors import ConfigError

DENSE = "dense"
"""The name of the unpruned training that several methods begin with and therefore share."""


@dataclass(frozen=True)
class Round:
    """One training of a search."""

    name: str
    """Unique in a search; its files are named by it."""
    method: str
    density: float
    """What the mask keeps in this round."""
    after: str | None = None
    """The earlier round whose trained weights and mask this one begins with; None: the initial model."""
    prune: str = "none"
    """none, rule (the search's rule), random, random_global, shuffle (of `after`'s mask), gradual,
    edge_popup, signed_supermask, small (no mask, a smaller model), transfer (of another search's ticket)."""
    change: str = "none"
    """none, or a control: reinitialise, reset_magnitudes, reset_signs, to_grid."""
    rewinds: bool = True
    """False: a whole training goes on from the trained weights of `after`, whatever the search rewinds to."""
    trainings: int = 1
    """How many times the usual number of epochs."""


def label(method: str, density: float) -> str:
    """The name of a method's round at a density."""
    return f"{method}-{density:.6f}"


def dense(densities: Sequence[float]) -> list[Round]:
    """Method: one training without pruning, whatever the densities."""
    return [Round(DENSE, DENSE, 1.0)]


def ladder(final: float, keep: float = 0.8) -> list[float]:
    """Densities 0.8, 0.64, ... down to the first that is at most `final`. Raises ConfigError."""
    if not 0 < final < 1 or not 0 < keep < 1:
        raise ConfigError(f"a ladder to density {final} keeping {keep} a round; both lie in (0, 1)")
    rungs = [keep]
    while rungs[-1] > final:
        rungs.append(rungs[-1] * keep)
    return rungs


def falling(densities: Sequence[float]) -> Sequence[float]:
    """The densities of a method that prunes what is left. Raises ConfigError unless each is smaller."""
    if not densities or any(a <= b for a, b in zip((1.0, *densities), densities, strict=False)):
        raise ConfigError(f"densities {list(densities)}; give falling numbers below 1, like 0.8 0.64 0.512")
    return densities
