"""Tile sizes of the GPU's kernels: one table, the first of each row is used.

The others are the candidates that `python -m hwsim.models.kernels.bench --tune` times.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from hwsim.models.kernels.language import THREADS, WARPS

REGISTERS = 65536
"""Of one multiprocessor."""


@dataclass(frozen=True)
class Tile:
    """own: tokens whose result a program holds; other: tokens it meets at a time."""

    own: int
    other: int
    unroll: int
    """Slices in flight in a rank-one loop, at most THREADS."""
    programs: int = 2
    """Programs at a time on one multiprocessor, which share its registers."""

    @property
    def registers(self) -> int:
        """The most that a thread may use, a multiple of 8 below 256."""
        return min(255, REGISTERS // (32 * WARPS * self.programs) // 8 * 8)


TILES: dict[str, tuple[Tile, ...]] = {
    "separate": (Tile(64, 128, 4), Tile(64, 64, 4), Tile(32, 64, 4)),
    "forward": (Tile(64, 128, 4), Tile(128, 64, 8), Tile(128, 128, 4, programs=1)),
    "gradients": (Tile(64, 128, 4), Tile(64, 128, 4, programs=1), Tile(32, 128, 4)),
    "query_gradient": (Tile(64, 128, 4, programs=1), Tile(64, 128, 8), Tile(128, 128, 4, programs=1)),
    "key_gradient": (Tile(64, 128, 8), Tile(64, 64, 4), Tile(128, 64, 4, programs=1)),
}


def choose(kernel: str, tokens: int) -> Tile:
    """The tile of a kernel, no wider than the next power of two of the tokens, or than THREADS."""
    tile, enough = TILES[kernel][0], power_of_two_above(tokens)
    return replace(tile, own=min(tile.own, max(THREADS, enough)), other=min(tile.other, max(THREADS, enough)))


def power_of_two_above(number: int) -> int:
    """The least power of two that is not less than `number`."""
    return 1 << (number - 1).bit_length()
