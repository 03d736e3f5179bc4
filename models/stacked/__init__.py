"""Many runs at once: seeds, masks and initialisations stacked along a leading axis of one batched model."""

from hwsim.models.stacked.answers import answers
from hwsim.models.stacked.model import stack
from hwsim.models.stacked.train import train_stacked

__all__ = ["answers", "stack", "train_stacked"]
