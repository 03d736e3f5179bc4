"""Search for tickets: methods of `hwsim.models.pruning` over a training function, resumable."""

from hwsim.models.search.fits import Course, Fit, Job, one_by_one, together
from hwsim.models.search.search import Setup, run_rounds, search

__all__ = ["Course", "Fit", "Job", "Setup", "one_by_one", "run_rounds", "search", "together"]
