"""What the whole suite shares."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

# Each worker of pytest-xdist fills a core; threads of several that wait for one another by spinning do not.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Where .ci/setup.sh puts the npm packages.
os.environ.setdefault("NODE_PATH", str(Path(sys.prefix) / "node" / "node_modules"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave tests that need real data sets out where no folder of data sets is named."""
    if os.environ.get("HWSIM_DATA"):
        return
    kept = [item for item in items if item.get_closest_marker("data") is None]
    if len(kept) < len(items):
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept
