"""A process that a test interrupts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence


def listen() -> None:
    """Tests that a shell started in the background ignore Ctrl-C, and so would the process (`preexec_fn`)."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def interrupted(
    arguments: Sequence[str], begun: Callable[[], bool], module: str = "hwsim"
) -> tuple[int, str]:
    """Run `hwsim ARGUMENTS` and press Ctrl-C once it has begun: (exit status, last line on stderr).

    As a terminal does, all processes that it started hear it, too.
    """
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, preexec_fn=listen, process_group=0
    ) as process:
        while not begun():
            assert process.poll() is None
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)
        said = process.communicate()[1].splitlines()[-1]
    return process.returncode, said
