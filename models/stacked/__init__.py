"""Many runs at once: seeds, masks and initialisations stacked along a leading axis of one batched model."""

from hwsim.models.stacked.model import stack
from hwsim.models.stacked.train import accuracies, train_stacked

__all__ = ["accuracies", "stack", "train_stacked"]
