"""CUDA graphs: a step recorded once for each shape of batch and replayed in one launch.

A small model's step is hundreds of kernels of a few microseconds each; started one by one, the GPU waits for
Python. On a CPU a step simply runs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable

import torch
from torch import Tensor

EAGER = 2
"""Steps of a shape that run unrecorded first: they allocate, compile and choose kernels. They count."""


class Replay:
    """Runs `body(shape, inputs)`, which must touch only tensors that stay where they are, and `inputs`.

    Always called on one stream, which is not the default one where graphs are recorded.
    """

    def __init__(self, body: Callable[[Hashable, Tensor], Tensor], device: str, capture: bool) -> None:
        self.body = body
        self.capture = capture and device.startswith("cuda")
        self._seen: Counter[Hashable] = Counter()
        self._graphs: dict[Hashable, tuple[torch.cuda.CUDAGraph, Tensor, Tensor]] = {}
        if self.capture:
            self._pool = torch.cuda.graph_pool_handle()

    def __call__(self, shape: Hashable, inputs: Tensor) -> Tensor:
        """The body's result for this step; overwritten by the next of the same shape."""
        self._seen[shape] += 1
        if not self.capture or self._seen[shape] <= EAGER:
            return self.body(shape, inputs)
        if shape not in self._graphs:
            graph, fixed = torch.cuda.CUDAGraph(), inputs.clone()
            with torch.cuda.graph(graph, pool=self._pool, stream=torch.cuda.current_stream()):
                result = self.body(shape, fixed)
            self._graphs[shape] = graph, fixed, result
        graph, fixed, result = self._graphs[shape]
        fixed.copy_(inputs)
        graph.replay()
        return result
