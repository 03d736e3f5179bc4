"""One process, or several that share each batch through Hugging Face Accelerate."""

from __future__ import annotations

import os
import warnings
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from hwsim.errors import ConfigError, MissingToolError


class Processes:
    """This process alone. Its subclass has the same calls for many."""

    rank, count = 0, 1

    def __init__(self, device: str) -> None:
        self.device = device

    def wrap(self, model: nn.Module) -> nn.Module:
        """The module to call in a training step."""
        return model

    def collecting(self, network: nn.Module, last: bool) -> AbstractContextManager[Any]:
        """Around a shard's backward pass; the gradients of all processes meet in the last."""
        return nullcontext()

    def any(self, flag: bool) -> bool:
        """Whether `flag` is set in any process. All processes call it at the same step."""
        return flag

    def wait(self) -> None:
        """Until all processes are here."""

    def shards(self, count: int) -> range:
        """Which of `count` shards of a batch this process computes."""
        each = count // self.count
        return range(self.rank * each, (self.rank + 1) * each)


class Accelerated(Processes):
    """One of the processes that `accelerate launch` (or torchrun) started, each with its own device.

    Gradients are averaged by DistributedDataParallel; masks and every random draw are the same in all
    processes already, so nothing else is sent.
    """

    def __init__(self, device: str) -> None:
        try:
            from accelerate import Accelerator, DistributedDataParallelKwargs
        except ImportError as error:
            raise MissingToolError("several processes need Accelerate: pip install 'hwsim[train]'") from error
        wrapper = DistributedDataParallelKwargs(broadcast_buffers=False)
        self.accelerator = Accelerator(cpu=device == "cpu", kwargs_handlers=[wrapper])
        self.rank, self.count = self.accelerator.process_index, self.accelerator.num_processes
        super().__init__(str(self.accelerator.device))
        self.wrapped: tuple[nn.Module, nn.Module] | None = None

    def wrap(self, model: nn.Module) -> nn.Module:
        # Wrapped once: a second wrapper around the same model would hook its gradients twice.
        if self.wrapped is None or self.wrapped[0] is not model:
            with warnings.catch_warnings():
                # The name that replaces broadcast_buffers is not known to older releases of PyTorch.
                warnings.filterwarnings("ignore", "`broadcast_buffers`", FutureWarning)
                self.wrapped = model, self.accelerator.prepare_model(model)
        return self.wrapped[1]

    def collecting(self, network: nn.Module, last: bool) -> AbstractContextManager[Any]:
        return nullcontext() if last else self.accelerator.no_sync(network)

    def any(self, flag: bool) -> bool:
        total = self.accelerator.reduce(torch.tensor(int(flag), device=self.accelerator.device))
        return bool(total)

    def wait(self) -> None:
        self.accelerator.wait_for_everyone()


def rank() -> int:
    """Which of the processes this is, before they have met."""
    return int(os.environ.get("RANK", "0"))


def start(device: str, shards: int) -> Processes:
    """The processes of this run. device: auto, cpu or cuda; raises ConfigError if it is not there."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("run.device is cuda; PyTorch sees no GPU here: use cpu or auto")
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if shards % count:
        raise ConfigError(f"training.shards is {shards}; {count} processes need a multiple of {count}")
    return Accelerated(device) if count > 1 else Processes(device)


def shard(batch: int, shards: int, which: int, device: str) -> tuple[Tensor, Tensor]:
    """(rows, weight) of one shard of a batch: every `shards`-th row, all shards of one length.

    Where the batch does not divide, rows are repeated with weight 0, so that no process is without work.
    """
    rows = torch.arange(which, -(-batch // shards) * shards, shards, device=device)
    return rows % batch, (rows < batch).float()
