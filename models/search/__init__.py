"""Search for tickets: methods of `hwsim.models.pruning` over a training function, resumable."""

from hwsim.models.search.fits import Fit, Watch, one_by_one, together
from hwsim.models.search.search import Setup, search

__all__ = ["Fit", "Setup", "Watch", "one_by_one", "search", "together"]
