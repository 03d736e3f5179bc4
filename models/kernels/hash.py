"""The random numbers of `hwsim.models.stacked.noise`, sixty steps on small tensors, in one kernel."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor
from triton.language import constexpr

BLOCK = 1024
"""Elements of a program."""


@triton.jit
def mixed(x):
    """SplitMix64's hash of uint64 numbers."""
    x += 0x9E3779B97F4A7C15
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB
    return x ^ (x >> 31)


@triton.jit
def uniform_kernel(seeds, key, out, count, block: constexpr):
    """out [seeds, count]: the upper 24 bits of each hash, as a share of 1."""
    run = tl.program_id(1).to(tl.int64)
    at = tl.program_id(0) * block + tl.arange(0, block)
    stream = mixed(mixed(tl.load(seeds + run).to(tl.uint64)) + tl.load(key).to(tl.uint64))
    bits = mixed(stream + at.to(tl.uint64)) >> 40
    tl.store(out + run * count + at, bits.to(tl.float32) * 5.9604644775390625e-08, mask=at < count)


def uniform(seeds: Tensor, key: Tensor, count: int) -> Tensor:
    """float32 [seeds, count] in [0, 1); seeds int64, key an int64 scalar on their device."""
    out = torch.empty(len(seeds), count, device=seeds.device)
    uniform_kernel[(triton.cdiv(count, BLOCK), len(seeds))](seeds, key, out, count, block=BLOCK)
    return out
