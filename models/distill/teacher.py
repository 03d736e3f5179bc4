"""Fine-tune a pre-trained sentence encoder as a teacher and record what it says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hwsim.errors import MissingToolError
from hwsim.models.batches import Bucketed, Sequences
from hwsim.models.distill.loop import Loop, Plan
from hwsim.models.train import losses_of


class Teacher(nn.Module):
    """A Hugging Face encoder, mean-pooled over the real tokens, with a linear classifier (or one score)."""

    def __init__(self, folder: str | Path | nn.Module, classes: int = 2) -> None:
        """folder: where an encoder is saved, or the encoder itself."""
        super().__init__()
        encoder: Any = folder if isinstance(folder, nn.Module) else load_encoder(folder)
        self.encoder, width = encoder, encoder.config.hidden_size
        self.head = nn.Sequential(nn.Dropout(0.1), nn.Linear(width, classes))

    def states(self, token_ids: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
        """Hidden states of the embedding and of every layer, [batch, n, width] each."""
        return self.encoder(
            input_ids=token_ids, attention_mask=mask.long(), output_hidden_states=True
        ).hidden_states

    def pooled(self, token_ids: Tensor, mask: Tensor) -> Tensor:
        """The mean of the last hidden states [batch, width]."""
        return mean(self.encoder(input_ids=token_ids, attention_mask=mask.long()).last_hidden_state, mask)

    def forward(self, token_ids: Tensor, mask: Tensor) -> Tensor:
        """Logits [batch, classes]."""
        return self.head(self.pooled(token_ids, mask)).float()


def load_encoder(folder: str | Path) -> nn.Module:
    """The encoder saved in a folder, float32. Raises MissingToolError without transformers."""
    try:
        from transformers import AutoModel
    except ImportError as error:
        raise MissingToolError("a teacher needs transformers: pip install 'hwsim[train,teacher]'") from error
    return AutoModel.from_pretrained(folder, local_files_only=True).float()


def mean(hidden: Tensor, mask: Tensor) -> Tensor:
    """The mean of hidden states [batch, n, width] over the real tokens."""
    weight = mask[..., None].to(hidden.dtype)
    return (hidden * weight).sum(1) / weight.sum(1)


def fine_tune(
    teacher: Teacher,
    data: Sequences,
    labels: np.ndarray,
    plan: Plan | None = None,
    *,
    device: str = "cuda",
    after: Callable[[int, int, float], None] = lambda step, steps, loss: None,
    save: Path | None = None,
    save_every: int = 0,
    stamp: str = "",
) -> None:
    """Train on the labels (classes, or real scores). The last five arguments are those of `Loop.run`."""
    plan = plan or Plan(bf16=True)
    loop = Loop(teacher, data, plan, device)
    target = torch.from_numpy(labels).to(device)
    target = target.float() if target.is_floating_point() else target.long()

    def loss(index: Tensor, token_ids: Tensor, mask: Tensor) -> Tensor:
        return losses_of(teacher(token_ids, mask), target[index], None, 0.0).mean()

    teacher.train()
    loop.run(loss, after=after, save=save, save_every=save_every, stamp=stamp)
    teacher.eval()


@torch.no_grad()
def logits(teacher: Teacher, data: Sequences, device: str = "cuda", batch: int = 1024) -> np.ndarray:
    """The teacher's logits float16 [sequences, classes]."""
    return record(teacher, data, device, batch)[0]


@torch.no_grad()
def record(
    teacher: Teacher, data: Sequences, device: str = "cuda", batch: int = 1024, bf16: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """(logits [sequences, classes], pooled states [sequences, width]) of every sequence, float16.

    bf16: autocast; off for an encoder with integer layers.
    """
    teacher.to(device).eval()
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for index, token_ids, mask in Bucketed(data, device).batches(batch, torch.Generator()):
        with torch.autocast(device.split(":")[0], torch.bfloat16, enabled=bf16):
            pooled = teacher.pooled(token_ids, mask)
            said = teacher.head(pooled)
        found = [part.float().cpu().numpy().astype(np.float16) for part in (said, pooled)]
        parts.append((index.cpu().numpy(), found[0], found[1]))
    outputs = [np.zeros((len(data), parts[0][i].shape[1]), np.float16) for i in (1, 2)]
    for index, *found in parts:
        for output, part in zip(outputs, found, strict=True):
            output[index] = part
    return outputs[0], outputs[1]
