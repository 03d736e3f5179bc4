"""Grids of experiments: cells of rounds, seeds and controls; one small record a run (docs/grid.md).

    OUT/grids/NAME.json                      what was asked, and its hash
    OUT/cells/TASK-CELL/                     the cell's search: models, tickets, checkpoints
    OUT/records/TASK-CELL-ROUND-SEED.json    the record of a run
    OUT/records/...-overlap.json             what two masks have in common
    OUT/records/...-barrier.json             what lies between two orders of the data

Everything is written whole or not at all, and each file by one process: cells run side by side in one OUT.
"""

from hwsim.models.grid.cells import Cell, cells
from hwsim.models.grid.config import Grid, load, shipped
from hwsim.models.grid.execute import execute

__all__ = ["Cell", "Grid", "cells", "execute", "load", "shipped"]
