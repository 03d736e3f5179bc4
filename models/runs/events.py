"""TensorBoard events of trainings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hwsim.errors import MissingToolError


class Events:
    """Writes numbers under their names, or nothing; each folder is a line in TensorBoard."""

    def __init__(self, wanted: bool) -> None:
        """Raises MissingToolError if events are wanted and TensorBoard is not there."""
        self.wanted = wanted
        self.writers: dict[Path, Any] = {}
        if not wanted:
            return
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise MissingToolError(
                "TensorBoard events need tensorboard: pip install 'hwsim[train]', "
                "or go without: --set run.tensorboard=false"
            ) from error
        self._open = SummaryWriter

    def __enter__(self) -> Events:
        return self

    def __exit__(self, *_: object) -> None:
        for writer in self.writers.values():
            writer.close()

    def write(self, folder: Path, line: dict[str, Any]) -> None:
        """The numbers of a line, those of a dict under its name, at the line's `step`.

        The first line in a folder ends what an interrupted process wrote there of this step and later ones:
        readers drop that, so that a step that is made again counts once.
        """
        if not self.wanted:
            return
        if folder not in self.writers:
            self.writers[folder] = self._open(str(folder), purge_step=line["step"])
        for name, value in _numbers(line):
            self.writers[folder].add_scalar(name, value, line["step"])
        self.writers[folder].flush()


def _numbers(line: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    for name, value in line.items():
        if isinstance(value, dict):
            yield from _numbers(value, f"{prefix}{name}/")
        elif isinstance(value, (int, float)) and name != "step":
            yield f"{prefix}{name}", value
