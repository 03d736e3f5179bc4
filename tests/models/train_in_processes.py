"""A run in one of several processes: started by torch.distributed.run from test_runs.py."""

import sys

import torch

from hwsim.models.runs import config, runner

torch.set_num_threads(1)
runner.execute(config.load(sys.argv[1], [f"run.folder={sys.argv[2]}"]))
