"""The cells of a grid as Ray tasks, on this machine or on a cluster; nothing else here imports Ray.

A task is a cell, and its results are files: a worker that dies is replaced, and the new one goes on where the
files end. On a cluster all workers need the folder, and the prepared tasks, under the same path.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hwsim.errors import HwsimError, MissingToolError
from hwsim.models.grid.cells import Cell
from hwsim.models.grid.execute import execute

LIVES = 5
"""How many workers may die over one cell before the grid gives up."""
POLL = 0.5
"""Seconds between two looks at what is done."""
PATIENCE = 5.0
"""Seconds in which a cluster's machine must answer."""
STORE = 100 << 20
"""Bytes of shared memory; results go to files."""


class Unwatched:
    """A worker has no terminal."""

    def begin(self, cell: str, round: str, number: int, count: int) -> None:
        """Nobody is told."""

    def step(self, step: int, steps: int) -> None:
        """Nobody is told."""


def execute_by_ray(
    cells: Sequence[Cell], out: Path, workers: int, address: str, watch: Callable[[], None]
) -> None:
    """Run cells, `workers` at a time (0: as many as there are processors).

    address: a cluster's; empty: a Ray of its own for this call. watch: called now and then.
    A cell that reads another one of these waits for it. Raises MissingToolError without Ray, HwsimError if
    nothing answers at the address or workers die again and again over a cell, and whatever a cell raised.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        raise MissingToolError(
            "a grid of several workers needs Ray: pip install 'hwsim[grid]', or say --local"
        ) from error
    if address:
        reach(address)
    here: dict[str, Any] = {"num_cpus": workers or None, "object_store_memory": STORE}
    ray.init(
        **({"address": address} if address else here),
        include_dashboard=None if address else False,
        log_to_driver=False,
        logging_level=logging.ERROR,
    )
    try:
        _run(ray, cells, out.absolute(), workers, watch)
    finally:
        ray.shutdown()


def reach(address: str) -> None:
    """Raises HwsimError unless something answers at HOST:PORT; Ray itself would try for minutes.

    What names no machine, such as auto, is for Ray to find.
    """
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if not colon:
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), PATIENCE).close()
    except (OSError, ValueError, OverflowError) as error:
        raise HwsimError(
            f"--address {address}: no Ray cluster answers there ({error}); start one by "
            "`ray start --head` and give the HOST:PORT that it prints"
        ) from error


def _run(ray: Any, cells: Sequence[Cell], out: Path, workers: int, watch: Callable[[], None]) -> None:
    resources = ray.cluster_resources()
    most = workers or int(resources["CPU"])
    # Small models leave most of a GPU idle: workers share it.
    share = min(1.0, resources.get("GPU", 0) / most)
    task = ray.remote(num_cpus=1, num_gpus=share, max_retries=LIVES - 1)(_cell)
    left, done = list(cells), set[str]()
    running: dict[Any, Cell] = {}
    keys = {cell.key for cell in cells}
    while left or running:
        ready = [cell for cell in left if cell.source not in keys or cell.source in done]
        for cell in ready[: most - len(running)]:
            running[task.remote(cell, out)] = cell
            left.remove(cell)
        finished, _ = ray.wait(list(running), timeout=POLL)
        watch()
        for reference in finished:
            cell = running.pop(reference)
            try:
                ray.get(reference)
            except ray.exceptions.RayTaskError as error:
                raise error.cause from error
            except ray.exceptions.RayError as error:
                raise HwsimError(f"{cell.key}: {LIVES} workers died over this cell ({error})") from error
            done.add(cell.key)


def _cell(cell: Cell, out: Path) -> None:
    execute(cell, out, Unwatched())
