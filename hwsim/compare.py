"""Tensor-by-tensor comparison: the first named tensor that differs, and how to see it again."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from hwsim.errors import HwsimError
from hwsim.model import Trace

OPERATOR_OF = {
    "embed": "embed",
    "attn_norm": "manhattan_norm",
    "q": "linear, requantize",
    "k": "linear, requantize",
    "v": "linear, requantize",
    "score": "manhattan_score",
    "inhibit": "inhibit",
    "inhibit_norm": "manhattan_norm",
    "attn_out": "linear, residual_add",
    "ffn_norm": "manhattan_norm",
    "ffn_hidden": "linear, requantize, relu",
    "ffn_hidden_norm": "manhattan_norm",
    "ffn_out": "linear, residual_add",
    "final_norm": "manhattan_norm",
    "pool": "pool",
    "pool_norm": "manhattan_norm",
    "logits": "classify",
}
"""The operators that compute a named tensor, by the last part of its name."""

PER_SENTENCE = ("pool", "pool_norm", "logits")
"""Named tensors without a token axis."""


@dataclass(frozen=True)
class Difference:
    """The first element in which an implementation leaves the NumPy emulator."""

    implementation: str
    tensor: str
    index: tuple[int, ...]
    expected: int
    actual: int
    operator: str
    elements: int
    """How many elements of this tensor differ."""
    reproduce: str
    """One shell line that runs this operator alone on the same input; may be empty."""
    time: int | None = None
    """Simulated clock cycle at which the value appeared (RTL only)."""

    def __str__(self) -> str:
        when = "" if self.time is None else f" at cycle {self.time}"
        again = f". Reproduce: {self.reproduce}" if self.reproduce else ""
        return (
            f"{self.implementation}: first difference in {self.tensor}{list(self.index)}{when}: "
            f"expected {self.expected}, got {self.actual} ({self.elements} elements of this tensor differ; "
            f"operator {self.operator}){again}"
        )

    def to_dict(self) -> dict[str, object]:
        """The fields as JSON values."""
        return dataclasses.asdict(self) | {"index": list(self.index)}


def real_elements(name: str, shape: tuple[int, ...], mask: np.ndarray) -> np.ndarray:
    """Which elements of a named tensor [batch, ...] count: real tokens (of a score: real queries)."""
    part = name.rsplit(".", 1)[-1]
    if part in PER_SENTENCE:
        return np.ones(shape, bool)
    if part == "score":
        return np.broadcast_to(mask[:, None, :, None], shape)
    return np.broadcast_to(mask[:, :, None], shape)


def first_difference(
    implementation: str, expected: Trace, actual: Trace, mask: np.ndarray, reproduce: str = ""
) -> Difference | None:
    """Compare two traces tensor by tensor in the order of `expected`; None if every real element is equal.

    `reproduce` may hold `{tensor}` and `{sentence}`, which are filled in.
    Raises HwsimError if a tensor is missing or has another shape: that is no difference but a broken run.
    """
    for name, want in expected.items():
        if name not in actual:
            raise HwsimError(f"{implementation} did not return the tensor {name}")
        got = np.asarray(actual[name])
        if got.shape != want.shape:
            raise HwsimError(
                f"{implementation} returned {name} with shape {got.shape}; expected {want.shape}"
            )
        wrong = (got != want) & real_elements(name, want.shape, mask)
        if wrong.any():
            index = tuple(int(i) for i in np.argwhere(wrong)[0])
            return Difference(
                implementation,
                name,
                index,
                int(want[index]),
                int(got[index]),
                OPERATOR_OF[name.rsplit(".", 1)[-1]],
                int(wrong.sum()),
                reproduce.format(tensor=name, sentence=index[0]),
            )
    return None
