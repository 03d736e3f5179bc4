"""What a test tells a process that it is going to interrupt."""

from __future__ import annotations

import signal


def listen() -> None:
    """Tests that a shell started in the background ignore Ctrl-C, and so would the process (`preexec_fn`)."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
