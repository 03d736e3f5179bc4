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
"""Steps of a shape, over all stacks, that run unrecorded: they compile and choose kernels. They count."""


class Replay:
    """Runs `body(shape, inputs)`, which must touch only tensors that stay where they are, and `inputs`.

    Always called on one stream, which is not the default one where graphs are recorded.
    """

    def __init__(
        self,
        body: Callable[[Hashable, Tensor], Tensor],
        device: str,
        capture: bool,
        seen: Counter[Hashable] | None = None,
    ) -> None:
        """seen: how often each shape of inputs has been run, shared with stacks of the same kind."""
        self.body = body
        self.capture = capture and device.startswith("cuda")
        self.seen: Counter[Hashable] = Counter() if seen is None else seen
        self._began = False
        self._graphs: dict[Hashable, tuple[torch.cuda.CUDAGraph, Tensor, Tensor]] = {}
        if self.capture:
            self._pool = torch.cuda.graph_pool_handle()

    def __call__(self, shape: Hashable, inputs: Tensor) -> Tensor:
        """The body's result for this step; overwritten by the next of the same shape."""
        if not self.capture:
            return self.body(shape, inputs)
        if shape not in self._graphs:
            # The last of several stacks may have fewer runs than the others, and so other kernels.
            sight = shape, inputs.shape
            self.seen[sight] += 1
            # A stack's very first step allocates what its optimiser remembers.
            if self.seen[sight] <= EAGER or not self._began:
                self._began = True
                return self.body(shape, inputs)
            self._graphs[shape] = self._record(shape, inputs.clone())
        graph, fixed, result = self._graphs[shape]
        fixed.copy_(inputs)
        graph.replay()
        return result

    def _record(self, shape: Hashable, fixed: Tensor) -> tuple[torch.cuda.CUDAGraph, Tensor, Tensor]:
        """A graph, its inputs and its result.

        Not by `torch.cuda.graph`, which gives all unused memory back each time: the steps that follow would
        wait for new memory, and a training has dozens of graphs.
        """
        graph = torch.cuda.CUDAGraph()
        torch.cuda.synchronize()
        graph.capture_begin(pool=self._pool)
        try:
            result = self.body(shape, fixed)
        finally:
            graph.capture_end()
        return graph, fixed, result
