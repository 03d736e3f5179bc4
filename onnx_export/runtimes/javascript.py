"""What Python and the JavaScript runners say to each other, and where JavaScript packages are."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np

from hwsim.model import Trace

FOLDER = Path(__file__).parent


def package(name: str) -> Path | None:
    """The folder of an npm package: in NODE_PATH, else in node_modules here or in a folder above; or None."""
    here = Path.cwd()
    places = [Path(place) for place in os.environ.get("NODE_PATH", "").split(os.pathsep) if place]
    places += [folder / "node_modules" for folder in (here, *here.parents)]
    return next((place / name for place in places if (place / name / "package.json").is_file()), None)


def version(folder: Path) -> str:
    """What the package's own package.json says."""
    return str(json.loads((folder / "package.json").read_text())["version"])


def missing(name: str) -> str | None:
    """Why an npm package cannot be used, and how to change that; None if it can."""
    return (
        None if package(name) else f"needs {name}: npm install {name} here, or name its folder in NODE_PATH"
    )


def pack(token_ids: np.ndarray, mask: np.ndarray) -> bytes:
    """One batch for a runner: int32 batch, seq, then both tensors."""
    shape = np.array(token_ids.shape, np.int32)
    return b"".join(np.ascontiguousarray(x, np.int32).tobytes() for x in (shape, token_ids, mask))


def unpack(content: bytes) -> Trace:
    """A runner's outputs: int32 length of a JSON list of [name, axes], the list, then the int32 tensors."""
    length = int(np.frombuffer(content, np.int32, 1)[0])
    trace: Trace = {}
    at = 4 + length
    for name, axes in json.loads(content[4:at]):
        count = int(np.prod(axes))
        trace[name] = np.frombuffer(content, np.int32, count, at).reshape(axes)
        at += 4 * count
    return trace
