"""The shipped tickets: trained models inside the package, found by name."""

from __future__ import annotations

import os
from pathlib import Path

from hwsim.errors import TicketError

DEFAULT = "sst2-tiny"
"""The ticket a command takes when none is named."""

FOLDER = Path(__file__).parent


def shipped() -> list[str]:
    """Names of the shipped tickets, sorted."""
    return sorted(path.stem for path in FOLDER.glob("*.safetensors"))


def find(name_or_path: str | os.PathLike[str]) -> Path:
    """The file of a shipped ticket or of a path; a shipped name wins (write `./name` for a file so called).

    Raises TicketError listing the shipped names if it is neither.
    """
    if str(name_or_path) in shipped():
        return FOLDER / f"{name_or_path}.safetensors"
    path = Path(name_or_path)
    if path.exists() and not path.is_file():
        raise TicketError(f"{path} is no regular file; name a ticket file")
    if not path.is_file():
        names = ", ".join(shipped())
        raise TicketError(
            f"{path}: there is no such file and no shipped ticket of that name; shipped: {names}"
        )
    return path
