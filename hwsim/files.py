"""Write files whole or not at all, and read records back."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from hwsim.errors import HwsimError


def write_atomic(path: str | os.PathLike[str], content: bytes | str) -> Path:
    """Write to a temporary file beside `path`, then rename: readers see the old file or the whole new one."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    return path


def read_record(path: str | os.PathLike[str]) -> dict[str, Any]:
    """A JSON object that a finished piece of work left. Raises HwsimError for a missing or damaged file."""
    try:
        return dict(json.loads(Path(path).read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise HwsimError(
            f"{path}: not a whole record ({error}); delete it and make it again by the same command"
        ) from error
