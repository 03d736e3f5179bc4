"""TensorBoard events of a run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hwsim.errors import MissingToolError


class Events:
    """Writes the numbers of each evaluation under their names; writes nothing if `folder` is empty."""

    def __init__(self, folder: str) -> None:
        self.writer: Any = None
        if not folder:
            return
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise MissingToolError(
                "TensorBoard events need tensorboard: pip install 'hwsim[train]', "
                "or go without: --set run.tensorboard=false"
            ) from error
        self.writer = SummaryWriter(folder)

    def __enter__(self) -> Events:
        return self

    def __exit__(self, *_: object) -> None:
        if self.writer:
            self.writer.close()

    def write(self, line: dict[str, Any]) -> None:
        """A line of metrics.jsonl. After a resumption steps are written again with the same values."""
        if self.writer:
            for name, value in _numbers(line):
                self.writer.add_scalar(name, value, line["step"])
            self.writer.flush()


def _numbers(line: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    for name, value in line.items():
        if isinstance(value, dict):
            yield from _numbers(value, f"{prefix}{name}/")
        elif isinstance(value, (int, float)) and name != "step":
            yield f"{prefix}{name}", value
