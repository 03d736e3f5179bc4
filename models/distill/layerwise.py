"""Task-agnostic distillation, layer by layer: the recipe of InhibiDistilbert (arXiv 2503.15983).

1. Bottom-up, one layer at a time: only the layer's query, key and value projections and the Inhibitor's
   scalars learn, so that its attention module puts out what the teacher's does; everything else is frozen.
2. Everything learns, so that the hidden states of all layers are the teacher's.
3. Fine-tune the result on a task: `teacher.fine_tune`, or `task_specific.distill_encoder` with soft labels.

Teacher and student read the same tokens; any text will do.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hwsim.models import checkpoint
from hwsim.models.batches import Sequences
from hwsim.models.distill.loop import Loop, Loss, Plan, train_only
from hwsim.models.distill.replace import attentions, kind_of

Watch = Callable[[str, int, int, float], None]
"""(stage, step, steps, loss)."""


class _Enough(Exception):
    """What was asked for has been computed."""


@contextmanager
def capturing(module: nn.Module) -> Iterator[list[Tensor]]:
    """A list that the module's output is put into, where the forward pass then ends."""
    found: list[Tensor] = []

    def hook(_: nn.Module, __: Any, output: Any) -> None:
        found.append(output[0] if isinstance(output, tuple) else output)
        raise _Enough

    handle = module.register_forward_hook(hook)
    try:
        yield found
    finally:
        handle.remove()


def attention_output(encoder: nn.Module, layer: int, token_ids: Tensor, mask: Tensor) -> Tensor:
    """What the attention module of a layer puts out, [batch, n, width]; later layers are not run."""
    with capturing(attentions(encoder)[layer]) as found, suppress(_Enough):
        encoder(input_ids=token_ids, attention_mask=mask.long())
    return found[0]


def hidden_states(encoder: nn.Module, token_ids: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
    """The outputs of all layers, [batch, n, width] each, without the embedding."""
    out = encoder(input_ids=token_ids, attention_mask=mask.long(), output_hidden_states=True)
    return out.hidden_states[1:]


def squared_error(found: Tensor, wanted: Tensor, mask: Tensor) -> Tensor:
    """Mean squared error over the features of real tokens."""
    difference = (found - wanted).float() ** 2
    return (difference.mean(-1) * mask).sum() / mask.sum()


def hidden_loss(found: Sequence[Tensor], wanted: Sequence[Tensor], mask: Tensor) -> Tensor:
    """`squared_error` averaged over layers."""
    errors = [squared_error(f, w, mask) for f, w in zip(found, wanted, strict=True)]
    return torch.stack(errors).mean()


def attention_names(encoder: nn.Module, layer: int) -> list[str]:
    """Prefixes of the names of what learns in the first stage: projections and scalars of one layer."""
    kind = kind_of(encoder)
    start = f"{kind.layers}.{layer}.{kind.attention}."
    module = attentions(encoder)[layer]
    return [
        start + name
        for name, _ in module.named_parameters()
        if kind.output is None or not name.startswith(f"{kind.output}.")
    ]


def distill_layers(
    student: nn.Module,
    teacher: nn.Module,
    data: Sequences,
    plan: Plan,
    device: str,
    watch: Watch = lambda stage, step, steps, loss: None,
    *,
    save: Path | None = None,
    save_every: int = 0,
    stamp: str = "",
) -> None:
    """Stages 1 and 2 on an encoder whose attention was replaced, in place; the plan holds for each stage.

    Nothing is dropped out, in student or teacher. save: a folder for a checkpoint and for the result of
    every stage; a stage whose result is there is not run again. The others are those of `Loop.run`.
    """
    student.to(device).eval()
    teacher.to(device).eval()
    count = len(attentions(student))

    def loss_of(layer: int) -> Loss:
        def attention(index: Tensor, token_ids: Tensor, mask: Tensor) -> Tensor:
            with torch.no_grad():
                wanted = attention_output(teacher, layer, token_ids, mask)
            return squared_error(attention_output(student, layer, token_ids, mask), wanted, mask)

        def everything(index: Tensor, token_ids: Tensor, mask: Tensor) -> Tensor:
            with torch.no_grad():
                wanted = hidden_states(teacher, token_ids, mask)
            return hidden_loss(hidden_states(student, token_ids, mask), wanted, mask)

        return attention if layer < count else everything

    for stage in range(count + 1):
        name = f"attention {stage}" if stage < count else "hidden states"
        result = None if save is None else save / f"stage-{stage}.safetensors"
        if result is not None and (state := checkpoint.read(result, stamp)) is not None:
            student.load_state_dict(state)
            continue
        train_only(student, attention_names(student, stage) if stage < count else [""])
        Loop(student, data, dataclasses.replace(plan, seed=plan.seed + stage), device).run(
            loss_of(stage),
            after=functools.partial(watch, name),
            save=None if save is None else save / f"stage-{stage}.unfinished.safetensors",
            save_every=save_every,
            stamp=stamp,
        )
        if result is not None:
            checkpoint.write(result, student.state_dict(), stamp)
    train_only(student, [""])
