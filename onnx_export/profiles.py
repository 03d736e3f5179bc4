"""The two profiles: what a graph may hold. One meaning, two ways to write it."""

from __future__ import annotations

from dataclasses import dataclass

from onnx import TensorProto

from hwsim.errors import HwsimError, UnsupportedError

OPERATORS = frozenset(
    (
        "Abs",
        "Add",
        "Cast",
        "Concat",
        "CumSum",
        "Div",
        "Gather",
        "Identity",
        "MatMul",
        "Max",
        "Min",
        "Mod",
        "Mul",
        "ReduceMin",
        "ReduceSum",
        "Reshape",
        "Sub",
        "Transpose",
        "Unsqueeze",
    )
)
"""The operators of the portable profile, all of the standard domain."""


@dataclass(frozen=True)
class Profile:
    """What one profile allows."""

    name: str
    operators: frozenset[str]
    constants: frozenset[int]
    """Types of stored tensors: weights, tables, int64 shapes and axes (which the standard demands)."""
    computed: frozenset[int]
    """Types of computed tensors, the int8 rows of an embedding table apart."""
    proof: str
    """The profile of `hwsim.ranges` that has to hold."""
    distances: tuple[str, ...]
    """Forms of the [n, n, features] temporaries of score and inhibition; the first is the default."""

    def distance(self, wanted: str | None) -> str:
        """The form to use. Raises HwsimError for an unknown one, UnsupportedError for one not offered."""
        if wanted is None:
            return self.distances[0]
        if wanted not in DISTANCES:
            raise HwsimError(f"distance is {wanted!r}; choose one of {', '.join(DISTANCES)}")
        if wanted not in self.distances:
            raise UnsupportedError(
                f"distance {wanted!r} is not exact in every runtime, so the {self.name} profile does not "
                f"offer it; choose one of {', '.join(self.distances)}, or the fast profile"
            )
        return wanted


DISTANCES = ("memory", "broadcast", "unrolled", "uint8")
"""All features at once while they fit, else in runs; always at once; one by one; bytes, in runs."""

_STORED = (TensorProto.INT8, TensorProto.INT32, TensorProto.INT64)

PORTABLE = Profile(
    "portable",
    OPERATORS,
    frozenset(_STORED),
    frozenset((TensorProto.INT32,)),
    "portable",
    ("memory", "broadcast", "unrolled"),
)
"""int32 below 2^24, exact dividends: the same in any runtime, even one that computes int32 in float32."""

FAST = Profile(
    "fast",
    OPERATORS | {"MatMulInteger"},
    frozenset((*_STORED, TensorProto.UINT8)),
    frozenset((TensorProto.INT32, TensorProto.UINT8)),
    "int32",
    ("uint8", "memory", "broadcast", "unrolled"),
)
"""For the onnxruntime family, which has true int32 and quick uint8 x uint8 products.

Never uint8 x int8: on a CPU with AVX2 but no VNNI onnxruntime adds such products in saturating 16 bits.
"""

PROFILES = {profile.name: profile for profile in (PORTABLE, FAST)}


def find(name: str) -> Profile:
    """The profile of this name. Raises HwsimError listing the names."""
    if name not in PROFILES:
        raise HwsimError(f"profile is {name!r}; choose one of {', '.join(PROFILES)}")
    return PROFILES[name]
