"""The compiled model behind the interface of the ONNX runtimes."""

from __future__ import annotations

import subprocess
import time

import numpy as np

from hwsim.c99.build import HERE, Program
from hwsim.model import Trace
from hwsim.ticket import Ticket


class C99Session:
    """See `hwsim.onnx_export.runtimes.session.Session`; the time includes starting the program."""

    def __init__(self, ticket: Ticket) -> None:
        said = subprocess.run([HERE.found(), "-dumpfullversion"], capture_output=True, text=True, check=False)
        self.version = f"gcc {said.stdout.strip()}"
        self.seconds = 0.0
        self._program = Program(ticket)

    def __enter__(self) -> C99Session:
        return self

    def __exit__(self, *_: object) -> None:
        self._program.__exit__()

    def run(self, token_ids: np.ndarray, mask: np.ndarray) -> Trace:
        """Every named tensor."""
        start = time.perf_counter()
        trace = self._program.run(token_ids, mask)
        self.seconds += time.perf_counter() - start
        return trace
