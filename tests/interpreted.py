"""Run a file of tests again where Triton interprets its kernels and every call goes to them."""

from __future__ import annotations

import os
import subprocess
import sys


def interpreted(file: str) -> subprocess.CompletedProcess[str]:
    """The finished process."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", file],
        env=os.environ | {"TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
    )
