"""Random numbers without a generator: a hash of (seed, step, position).

The same on every device, the same for a run alone and among others, and there from any step on: resuming and
rewinding need no state. The hash is SplitMix64 (Steele et al. 2014) in int64, which wraps around.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hwsim.models.kernels.pieces import uses_triton

GOLDEN = -7046029254386353131  # 0x9E3779B97F4A7C15
FIRST = -4658895280553007687  # 0xBF58476D1CE4E5B9
SECOND = -7723592293110705685  # 0x94D049BB133111EB


def mixed(x: Tensor) -> Tensor:
    """A hash of each int64 element, all bits well mixed."""
    x = x + GOLDEN
    x = (x ^ _right(x, 30)) * FIRST
    x = (x ^ _right(x, 27)) * SECOND
    return x ^ _right(x, 31)


def _right(x: Tensor, bits: int) -> Tensor:
    """Logical right shift; int64 shifts in copies of the sign."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def keyed(seeds: Tensor, key: Tensor | int) -> Tensor:
    """A stream for each seed and key: int64, to be hashed with positions."""
    return mixed(mixed(seeds) + key)


def uniform(seeds: Tensor, key: Tensor | int, shape: tuple[int, ...]) -> Tensor:
    """float32 [seeds, *shape] in [0, 1), in steps of 2^-24; seeds int64 [runs], key a step's number."""
    count = torch.Size(shape).numel()
    if isinstance(key, Tensor) and uses_triton(seeds):
        from hwsim.models.kernels import hash

        return hash.uniform(seeds, key, count).unflatten(1, shape)
    position = torch.arange(count, device=seeds.device)
    bits = mixed(keyed(seeds, key)[:, None] + position)
    return (_right(bits, 40).float() * 2.0**-24).unflatten(1, shape)


def permutations(seeds: Tensor, key: int, count: int) -> Tensor:
    """int64 [seeds, count]: a shuffled 0..count-1 for each seed."""
    bits = mixed(keyed(seeds, key)[:, None] + torch.arange(count, device=seeds.device))
    return bits.argsort(dim=1, stable=True)
