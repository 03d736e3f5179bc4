"""Tasks as token ids: prepared once where the texts are, then one file that a GPU machine can train from.

python -m hwsim.models.tasks prepared sst2 trec --teacher minilm

from hwsim.models import tasks

task = tasks.load("sst2", folder="prepared")
task.splits["train"].data, task.splits["train"].labels
"""

from hwsim.models.tasks.prepare import load, prepare
from hwsim.models.tasks.store import Split, TaskData, read, save

__all__ = ["Split", "TaskData", "load", "prepare", "read", "save"]
