"""Fine-tune a pre-trained sentence encoder as a teacher and record its logits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from hwsim.models.batches import Bucketed, Sequences


class Teacher(nn.Module):
    """A Hugging Face encoder, mean-pooled, with a linear classifier."""

    def __init__(self, folder: str | Path, classes: int = 2) -> None:
        super().__init__()
        from transformers import AutoModel

        self.encoder = AutoModel.from_pretrained(folder, local_files_only=True).float()
        self.head = nn.Sequential(nn.Dropout(0.1), nn.Linear(self.encoder.config.hidden_size, classes))

    def forward(self, token_ids: Tensor, mask: Tensor) -> Tensor:
        """Logits [batch, classes]."""
        hidden = self.encoder(input_ids=token_ids, attention_mask=mask.long()).last_hidden_state
        weight = mask[..., None].to(hidden.dtype)
        return self.head((hidden * weight).sum(1) / weight.sum(1)).float()


def fine_tune(
    teacher: Teacher,
    data: Sequences,
    labels: np.ndarray,
    *,
    epochs: int = 4,
    rate: float = 3e-5,
    batch: int = 128,
    seed: int = 0,
    device: str = "cuda",
) -> None:
    """Train with AdamW, linear warm-up and decay, bf16 autocast."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    teacher.to(device).train()
    buckets, target = Bucketed(data, device), torch.from_numpy(labels).long().to(device)
    steps = epochs * sum(-(-len(bucket[0]) // batch) for bucket in buckets.buckets)
    optimizer = torch.optim.AdamW(teacher.parameters(), lr=rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / (0.06 * steps), (steps - step) / steps)
    )
    for _ in range(epochs):
        for index, token_ids, mask in buckets.batches(batch, generator):
            with torch.autocast(device, torch.bfloat16):
                loss = nn.functional.cross_entropy(teacher(token_ids, mask), target[index])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(teacher.parameters(), 1.0)
            optimizer.step()
            schedule.step()


@torch.no_grad()
def logits(teacher: Teacher, data: Sequences, device: str = "cuda", batch: int = 1024) -> np.ndarray:
    """The teacher's logits float16 [sequences, classes]."""
    teacher.to(device).eval()
    result: np.ndarray | None = None
    for index, token_ids, mask in Bucketed(data, device).batches(batch, torch.Generator()):
        with torch.autocast(device, torch.bfloat16):
            part = teacher(token_ids, mask).cpu().numpy().astype(np.float16)
        if result is None:
            result = np.zeros((len(data), part.shape[1]), np.float16)
        result[index.cpu().numpy()] = part
    assert result is not None
    return result
