"""A model loaded in one runtime."""

from __future__ import annotations

from types import TracebackType

import numpy as np

from hwsim.model import Trace


class Session:
    """Made by loading the model; a `with` block closes it."""

    version: str
    seconds: float = 0.0
    """What the runs took so far, as the runtime itself or its caller measured it; loading not included."""

    def run(self, token_ids: np.ndarray, mask: np.ndarray) -> Trace:
        """Every output by name, int32; token_ids int32 and mask bool [batch, n]. HwsimError if it fails."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go of processes and files."""

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
