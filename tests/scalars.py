"""What TensorBoard reads in a folder of events."""

from __future__ import annotations

import time
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """(step, value) in the order of the files, under each name; values are float32."""
    events = EventAccumulator(str(folder))
    events.Reload()
    return {
        name: [(event.step, event.value) for event in events.Scalars(name)]
        for name in events.Tags()["scalars"]
    }


def next_second() -> None:
    """Wait until event files that are opened from now on are named behind the present ones."""
    time.sleep(1)
