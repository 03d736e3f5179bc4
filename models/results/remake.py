"""Make a shipped ticket again by the commands in its `about` file, in a folder of its own.

    about = read(of("sst2-tiny"))
    run = remake(about, Path("remade"))  # what the last command left, for `records.finished`

A command that has ended well after the same commands before it is not run again: FOLDER/finished.json says
which have. One that was stopped is, and goes on by itself where it can.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hwsim.errors import ConfigError, HwsimError
from hwsim.files import read_record, write_atomic

ABOUT = Path(__file__).parent / "about"
FINISHED = "finished.json"


@dataclass(frozen=True)
class About:
    """How a ticket is made."""

    commands: tuple[str, ...]
    """Lines for bash, one after the other in one folder."""
    made: str
    """Where they leave the run, or the record of a search's round: a pattern of exactly one path."""


def of(name: str) -> Path:
    """The file of a shipped ticket. Raises ConfigError for a name that has none."""
    path = ABOUT / f"{name}.toml"
    if not path.exists():
        known = ", ".join(sorted(one.stem for one in ABOUT.glob("*.toml")))
        raise ConfigError(f"nothing here says how {name} is made; known are {known}; or give --about")
    return path


def read(path: Path) -> About:
    """An `about` file. Raises ConfigError for a file of something else."""
    try:
        found = tomllib.loads(path.read_text())
        commands, made = tuple(found["commands"]), found["made"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path}: no TOML file with `commands` and `made` ({error!r})") from error
    if not commands or not all(isinstance(text, str) for text in (*commands, made)):
        raise ConfigError(f"{path}: `commands` is a list of lines for bash, `made` a path")
    return About(commands, made)


def remake(
    about: About, folder: Path, watch: Callable[[int, bool], None] = lambda number, done: None
) -> Path:
    """Run what is not finished in `folder`; returns the path of what was made.

    watch: called with a command's number, from 0, and whether it had finished before. A command's output goes
    to stderr. Raises HwsimError naming the first command that fails, or if they made no such run or several.
    """
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / FINISHED
    finished = read_record(kept) if kept.exists() else {}
    for number, command in enumerate(about.commands):
        # A command's files depend on those before it.
        key = hashlib.sha256(json.dumps(about.commands[: number + 1]).encode()).hexdigest()[:12]
        watch(number, key in finished)
        if key in finished:
            continue
        if status := _run(command, folder):
            raise HwsimError(
                f"command {number + 1} of {len(about.commands)} failed with status {status}: {command}; "
                f"what is finished stays in {folder}, and the same call goes on"
            )
        finished[key] = command
        write_atomic(kept, json.dumps(finished, indent=1))
    found = sorted(folder.glob(about.made))
    if len(found) != 1:
        raise HwsimError(
            f"{folder} has {len(found)} results {about.made}, not one; "
            f"delete {kept} and what is wrong, and call again"
        )
    return found[0]


def _run(command: str, folder: Path) -> int:
    """The exit status of a line of bash; `hwsim` and `python` are those of this environment."""
    environment = dict(os.environ)
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", "")])
    if data := environment.get("HWSIM_DATA"):
        environment["HWSIM_DATA"] = str(Path(data).resolve())
    with subprocess.Popen(
        ["bash", "-e", "-c", command], cwd=folder, env=environment, stdout=sys.stderr
    ) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            # It has heard Ctrl-C, too, and may be saving.
            process.wait()
            raise
