"""From where to where the upright axis goes, for all panels of a task."""

from __future__ import annotations

from collections.abc import Sequence

Range = tuple[float, float]
MOST, GAIN, ROOM = 1 / 4, 1.5, 0.06
"""Share of curves that may be left out; what each has to gain by it; margin, of the range."""


def hull(ranges: Sequence[Range]) -> Range:
    """The smallest range around all."""
    lows, highs = zip(*ranges, strict=True)
    return min(lows), max(highs)


def shared(curves: Sequence[Range], always: Sequence[Range]) -> Range:
    """The range for these curves, with some room, but without the few that squeeze all others.

    A curve is left to numbers at the edge where all else is drawn half as large again without it, two where
    it is drawn 1.5 times 1.5 as large, and so on, but never more than a quarter of the curves. `always` is
    what lies within in any case.
    """
    upwards = sorted(range(len(curves)), key=lambda i: curves[i][0])
    downwards = sorted(range(len(curves)), key=lambda i: -curves[i][1])
    most = int(MOST * len(curves))
    options: list[tuple[float, Range]] = []
    for low in range(most + 1):
        for high in range(most + 1 - low):
            out = {*upwards[:low], *downwards[:high]}
            ends = hull([*(curve for i, curve in enumerate(curves) if i not in out), *always])
            options.append(((ends[1] - ends[0]) * GAIN ** len(out), ends))
    _, (lowest, highest) = min(options)
    room = ROOM * (highest - lowest) or 1.0
    return lowest - room, highest + room
