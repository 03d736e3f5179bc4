"""A verilated operator on the bench: builds it, feeds it, counts its clock cycles."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from hwsim import sizes
from hwsim.errors import UnsupportedError
from hwsim.rtl import sources
from hwsim.rtl.lanes import unpack
from hwsim.rtl.sim import Simulation, build

Beats = Mapping[str, np.ndarray]


@functools.lru_cache(maxsize=64)
def _shared(module: str, parameters: tuple[tuple[str, int], ...]) -> Simulation:
    return build(module, sources(module), dict(parameters))


@dataclass
class Bench:
    """How to run an operator, and what it cost. Use one from one thread only."""

    lanes: int
    """Tokens side by side, one of `hwsim.sizes.LANES`."""
    stalls: int | None
    """Seed of random stalls on every stream; None: none."""
    smallest: bool
    """Build the smallest module that fits, not the largest."""
    waves: Path | None
    """VCD file that gets every signal."""
    cycles: int = 0
    """Clock cycles so far, from the first beat in to the last beat out of each transaction."""
    _open: dict[str, Simulation] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.lanes not in sizes.LANES:
            raise UnsupportedError(f"lanes is {self.lanes}; choose one of {sizes.LANES}")

    def size(self, choices: Sequence[int], needed: int) -> int:
        """The value of a size parameter, out of ascending choices that reach `needed`."""
        return next(size for size in choices if size >= needed) if self.smallest else choices[-1]

    def simulation(self, module: str, **parameters: int) -> Simulation:
        """The module with these parameters; kept between calls, unless its waves are wanted."""
        if self.waves is None:
            return _shared(module, tuple(sorted(parameters.items())))
        if module not in self._open:
            self._open[module] = build(module, sources(module), parameters, self.waves)
        return self._open[module]

    def close(self) -> None:
        """Complete the waveform."""
        for simulation in self._open.values():
            simulation.close()

    def vectors(self, model: Simulation, bits: int, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        """y_o, signed and `bits` wide, of a combinational module for inputs that broadcast together."""
        arrays = np.broadcast_arrays(*inputs.values())
        out = model.vectors({name: array.ravel() for name, array in zip(inputs, arrays, strict=True)})
        return unpack(out["y_o"], 1, bits)[:, 0].reshape(arrays[0].shape)

    def stream(
        self, model: Simulation, bits: int, frames: int, inputs: Mapping[str, Beats], **config: int
    ) -> np.ndarray:
        """Words [frames, words, lanes], `bits` a lane, that the module gives for whole frames after a reset.

        inputs: by stream and field, a row a beat, as `Simulation.stream` takes them; config: its other ports.
        """
        model.set(**config)
        model.reset()
        done = model.stream(inputs, frames, stalls=self.stalls)
        self.cycles += done.cycles
        return unpack(done.data.rows, self.lanes, bits).reshape(frames, -1, self.lanes)
