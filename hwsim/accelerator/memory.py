"""Where a ticket's rows lie in the two memories of the accelerator."""

from __future__ import annotations

from dataclasses import dataclass

BYTES = 3
"""Of a logit."""


@dataclass(frozen=True)
class MemoryMap:
    """Where things are: first rows, for a ticket of width d on a machine of so many lanes.

    A, a byte a lane: `normed` is the input of every projection; behind it keys and values, in whose place the
    inhibited values are put, a feature when it is done with; they in turn make room for the hidden layer.
    S, 16 bits a lane: the residual stream; the queries, later the values that an inner norm takes, at the
    end the pooled sums; then the scores of one head.
    """

    width: int
    lanes: int
    hidden: int
    classes: int
    normed: int = 0
    residual: int = 0

    @property
    def keys(self) -> int:
        """In A; at the end the normed pool."""
        return self.width

    @property
    def values(self) -> int:
        """In A; at the end the logits."""
        return 2 * self.width

    @property
    def hidden_row(self) -> int:
        """In A."""
        return self.width

    @property
    def queries(self) -> int:
        """In S."""
        return self.width

    @property
    def scores(self) -> int:
        """In S."""
        return 2 * self.width

    @property
    def rows_a(self) -> int:
        """Rows of A in use."""
        return max(3 * self.width, self.width + self.hidden, 2 * self.width + BYTES * self.classes)

    @property
    def rows_s(self) -> int:
        """Rows of S in use."""
        return 2 * self.width + self.lanes

    def regions(self) -> list[tuple[str, str, int, int]]:
        """(memory, what, first row, rows), for people."""
        d = self.width
        return [
            ("A", "normed rows", self.normed, d),
            ("A", "keys; pool_norm", self.keys, d),
            ("A", "values, then inhibit; logits", self.values, d),
            ("A", "hidden layer (over keys and values)", self.hidden_row, self.hidden),
            ("S", "residual stream", self.residual, d),
            ("S", "queries, then inhibit of 16 bits; pool", self.queries, d),
            ("S", "scores of one head", self.scores, self.lanes),
        ]
