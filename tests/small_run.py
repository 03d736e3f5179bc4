"""A run of seconds, and its configuration, for the tests of runs."""

from __future__ import annotations

from pathlib import Path

from hwsim.models.runs import config

SMALL = """
[task]
name = "toy"
examples = 100
[model]
max_tokens = 8
width = 16
heads = 2
layers = 1
hidden = 16
[training]
epochs = 2
batch = 16
shards = 2
rate = 1e-2
[pruning]
method = "one_shot"
density = 0.5
rewind = "step:3"
[run]
device = "cpu"
eval_every = 4
check_every = 5
save_every = 3
tensorboard = false
"""


def loaded(path: Path, folder: str, *assignments: str) -> config.RunConfig:
    return config.load(path, [f"run.folder={path.parent / folder}", *assignments])


# Configurations
