"""An integer student of its teacher's own shape, taught by the two recipes of InhibiDistilbert (2503.15983).

Layer by layer, without labels: bottom-up, only the queries, keys, values and scalars of one layer learn, so
that its attention puts out what the teacher's does; then everything learns, so that all hidden states are the
teacher's. For a task: labels, soft labels and a loss on the hidden states of all layers, together.

Both read the same pieces, and the teacher runs beside the student: nothing of it is stored. It all happens in
the stacked trainer, whose steps are recorded as CUDA graphs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor

from hwsim.models.distill.loop import train_only
from hwsim.models.distill.states import Reader
from hwsim.models.distill.transplant import Basis, level
from hwsim.models.kernels.pieces import uses_triton
from hwsim.models.layers import UNIT
from hwsim.models.model import InhibitorTransformer
from hwsim.models.stacked.train import Projection, StackedTraining, train_stacked
from hwsim.models.train import TrainConfig, TrainingSet


@dataclass(frozen=True)
class Guide:
    """A teacher and how its states are seen."""

    reader: Reader
    basis: Basis


@dataclass(frozen=True)
class Aim:
    """What a stage is after."""

    attention: int | None = None
    """A layer whose attention output is to be the teacher's, and nothing else."""
    answers: bool = False
    """Whether labels and soft labels count; hidden states count by `TrainConfig.hidden`."""

    @property
    def learns(self) -> list[str]:
        """Prefixes of the names of what learns."""
        if self.attention is not None:
            parts = ("q.", "k.", "v.", "score_shift.", "inhibit_shift.", "delta")
            return [f"blocks.{self.attention}.{part}" for part in parts]
        return ["token.", "position.", "blocks.", *(["classifier."] if self.answers else [])]


class Guided(StackedTraining):
    """Students that are held against a teacher at every token."""

    def __init__(self, *arguments: Any, guide: Guide, aim: Aim) -> None:
        self.guide, self.aim = guide, aim
        super().__init__(*arguments)

    def projection(self) -> Projection | None:
        """None: the student's states are in the teacher's basis."""
        return None

    def objective(self, token_ids: Tensor, mask: Tensor, index: Tensor) -> Tensor:
        """Loss of each run [runs]."""
        trace: dict[str, Tensor] = {}
        classifier, layer, weight = self.model.classifier, self.aim.attention, self.config.hidden
        state = self.model.pooled(self.dropped(token_ids), mask, trace, keep_score=False)
        losses = state.new_zeros(len(state))
        if self.aim.answers:
            losses = self.told(classifier.real(classifier(state)), index)
        if layer is None and not weight:
            return losses
        basis, wanted = self.guide.basis, self.guide.reader(token_ids.flatten(0, 1), mask.flatten(0, 1))
        if layer is not None:
            goal = wanted.attention[layer].float() / basis.attention[layer]
            return over_real(differences(trace[f"layers.{layer}.inhibit"], goal), mask)
        norms = [f"layers.{i}.attn_norm" for i in range(self.model.config.layers)] + ["final_norm"]
        for i, name in enumerate(norms):
            each = state_differences(trace[name], wanted.hidden[i], basis, i)
            losses = losses + weight / len(norms) * over_real(each, mask)
        return losses


def state_differences(found: Tensor, state: Tensor, basis: Basis, layer: int) -> Tensor:
    """`differences` of a normed state from a teacher's hidden one [runs * batch, n, width] in the basis."""
    if not uses_triton(found):
        return differences(found, basis.normed(state, layer))
    from hwsim.models.kernels.nearness import Nearness

    return Nearness.apply(found, state, basis.hidden[layer], basis.spread, UNIT, level(found.shape[-1]))


def differences(found: Tensor, wanted: Tensor) -> Tensor:
    """Mean squared error over the features of every token [runs, batch, n].

    found: int8 values [runs, batch, n, width]; wanted: real numbers [runs * batch, n, width].
    """
    return (found / UNIT - wanted.view_as(found)).square().mean(-1)


def over_real(each: Tensor, mask: Tensor) -> Tensor:
    """The mean over the real tokens of each run [runs]; each, and mask, bool: [runs, batch, n]."""
    return (each * mask).sum((1, 2)) / mask.sum((1, 2))


def teach(
    student: InhibitorTransformer,
    guide: Guide,
    aim: Aim,
    training: TrainingSet,
    config: TrainConfig,
    device: str,
    **options: Any,
) -> None:
    """Train a student in place for one aim. options: those of `train_stacked`."""
    train_only(student, aim.learns)
    kind = partial(Guided, guide=guide, aim=aim)
    train_stacked([student], training, config, [config.seed], device, kind=kind, **options)
    train_only(student, [""])
