"""Random attention heads of every shape: stimulus shared by the tests of the Verilog head."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwsim.model import inhibitor_head


@dataclass(frozen=True)
class Head:
    """One head of one sentence, and how it is to be computed."""

    q: np.ndarray
    k: np.ndarray
    v: np.ndarray
    mask: np.ndarray
    delta: int
    score_shift: int
    inhibit_shift: int
    signed: bool

    @property
    def tokens(self) -> int:
        return len(self.mask)

    def expected(self, centring: str, bits: int) -> tuple[np.ndarray, np.ndarray]:
        """(score [n, n], output [n, dh]) of the emulator."""
        score, output = inhibitor_head(
            self.q[None],
            self.k[None],
            self.v[None],
            self.mask,
            np.array([self.delta]),
            score_shift=self.score_shift,
            inhibit_shift=self.inhibit_shift,
            centring=centring,
            signed=self.signed,
            bits=bits,
        )
        return score[0], output[0]


def random_head(rng: np.random.Generator, tokens: int, width: int, real: int | None = None) -> Head:
    """Values from tame to extreme, so that scores of 0, 127 and between, and saturated sums, all occur.

    real: how many tokens are real; default any number from 1.
    """
    scale = rng.choice([2, 12, 40, 127])
    far = rng.integers(0, 1 << 15)
    q, k, v = np.clip(np.rint(rng.normal(0, scale, (3, tokens, width))), -127, 127).astype(np.int8)
    if rng.random() < 0.2:
        q, k, v = rng.choice(np.array([-127, 127], np.int8), (3, tokens, width))
    mask = rng.permutation(tokens) < (rng.integers(1, tokens + 1) if real is None else real)
    return Head(
        q,
        k,
        v,
        mask,
        delta=int(rng.choice(np.array([0, 1, far % 64, far]), p=[0.2, 0.2, 0.5, 0.1])),
        score_shift=int(rng.integers(0, 6 if rng.random() < 0.9 else 32)),
        inhibit_shift=int(rng.integers(0, 6 if rng.random() < 0.9 else 32)),
        signed=bool(rng.integers(2)),
    )
