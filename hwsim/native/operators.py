"""The operators that have a kernel of their own, with the signatures of `hwsim.ops` behind a first argument.

`name`, the first argument, is the instruction set: one of `hwsim.native.NAMES`. What `hwsim.ops` refuses is
refused in its words; what only the kernels do not offer raises UnsupportedError.
"""

from __future__ import annotations

import numpy as np

from hwsim.errors import HwsimError, UnsupportedError
from hwsim.native import index, kernels
from hwsim.native.layers import KEEP, NOTHING, pack
from hwsim.ops import _check
from hwsim.ops.inhibit import check_values
from hwsim.ops.linear import check_linear
from hwsim.ops.manhattan_norm import NORM_LIMIT
from hwsim.ops.manhattan_score import CENTRINGS, check_score
from hwsim.ops.requantize import largest, narrowest

MOST_BITS = 16
"""Of what the kernels return."""


def linear(
    name: str, x: np.ndarray, weight: np.ndarray, bias: np.ndarray, sparse: bool | None = None
) -> np.ndarray:
    """`hwsim.ops.linear`. sparse: the form, None by density; True needs ternary weights."""
    x, weight, bias = check_linear(x, weight, bias)
    out = np.zeros((*x.shape[:-1], len(weight)), np.int32)
    if out.size and x.shape[-1]:
        packed = pack(weight, bias, sparse=sparse)
        rows, given = out.size // len(weight), np.ascontiguousarray(x, np.int8)
        kernels().linear(index(name), packed.capsule, given, rows, out, KEEP, NOTHING, MOST_BITS, False)
    return out


def classify(name: str, x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """`hwsim.ops.classify`."""
    return linear(name, x, weight, bias)


def manhattan_norm(name: str, x: np.ndarray) -> np.ndarray:
    """`hwsim.ops.manhattan_norm` of int8, int16 or int32."""
    x = _check.integers("x", x)
    if x.dtype not in (np.int8, np.int16, np.int32):
        raise UnsupportedError(f"x has dtype {x.dtype}; the kernels take int8, int16 and int32")
    if x.ndim < 1 or x.shape[-1] < 1:
        raise HwsimError(f"x has shape {x.shape}; a row needs at least one element")
    width, x = x.shape[-1], np.ascontiguousarray(x)
    out = np.empty(x.shape, np.int8)
    if not kernels().norm(index(name), x, x.itemsize, out, x.size // width, width):
        raise HwsimError(f"a row's Manhattan norm reaches 2^24 = {NORM_LIMIT}")
    return out


def manhattan_score(
    name: str,
    q: np.ndarray,
    k: np.ndarray,
    mask: np.ndarray,
    shift: int,
    delta: np.ndarray,
    centring: str = "min",
) -> np.ndarray:
    """`hwsim.ops.manhattan_score`."""
    q, k, mask, shift, delta = check_score(q, k, mask, shift, delta, centring)
    score = np.empty((*q.shape[:-1], q.shape[-2]), np.int8)
    _heads(name, q, k, NOTHING, mask, delta, score, NOTHING, q.shape, (shift, 0), centring, True, 8)
    return score


def inhibit(
    name: str, v: np.ndarray, score: np.ndarray, shift: int, signed: bool = True, bits: int = 8
) -> np.ndarray:
    """`hwsim.ops.inhibit`, where v and score have the same leading axes and as many queries as keys."""
    v, score = check_values(v, score)
    if score.shape != (*v.shape[:-1], v.shape[-2]):
        raise UnsupportedError(
            f"score has shape {score.shape}; the kernels take [..., n, n] like v {v.shape}"
        )
    out = np.empty(v.shape, _container(bits))
    shape = v.shape if v.ndim > 2 else (1, *v.shape)
    delta = np.zeros(shape[-3], np.int32)
    score = np.array(score, np.int8)
    shifts = 0, _check.shift("shift", shift)
    _heads(name, NOTHING, NOTHING, v, NOTHING, delta, score, out, shape, shifts, "none", signed, bits)
    return out


def inhibitor_head(
    name: str,
    q: np.ndarray,
    k: np.ndarray,
    v: np.ndarray,
    mask: np.ndarray,
    delta: np.ndarray,
    *,
    score_shift: int,
    inhibit_shift: int,
    centring: str = "min",
    signed: bool = True,
    bits: int = 8,
    score: bool = True,
) -> tuple[np.ndarray, np.ndarray]:
    """`hwsim.inhibitor_head` in one call: (score, output); score False: an empty array in its place."""
    q, k, mask, score_shift, delta = check_score(q, k, mask, score_shift, delta, centring)
    v = _check.integers("v", v, 8)
    if v.shape != q.shape:
        raise UnsupportedError(f"v has shape {v.shape}; the kernels take it like q {q.shape}")
    kept = np.empty((*q.shape[:-1], q.shape[-2]), np.int8) if score else NOTHING
    out = np.empty(q.shape, _container(bits))
    shifts = score_shift, _check.shift("inhibit_shift", inhibit_shift)
    _heads(name, q, k, v, mask, delta, kept, out, q.shape, shifts, centring, signed, bits)
    return kept, out


def _heads(
    name: str,
    q: np.ndarray,
    k: np.ndarray,
    v: np.ndarray,
    mask: np.ndarray,
    delta: np.ndarray,
    score: np.ndarray,
    out: np.ndarray,
    shape: tuple[int, ...],
    shifts: tuple[int, int],
    centring: str,
    signed: bool,
    bits: int,
) -> None:
    """All heads of checked arrays; those of no size are not given or not wanted."""
    *lead, heads, n, dh = shape
    batch = int(np.prod(lead, dtype=int))
    if not (batch and heads and n and dh):
        out.fill(0)
        if shape[-1] == 0 and score.size:
            raise UnsupportedError(f"heads of shape {shape} have no features")
        return
    if mask.size:
        mask = np.broadcast_to(mask, (*lead, n))
    arrays = [np.ascontiguousarray(x, np.int8) for x in (q, k, v, mask)]
    delta = np.ascontiguousarray(delta, np.int32)
    numbers = batch, heads, n, dh, *shifts, CENTRINGS.index(centring), bool(signed), bits
    kernels().heads(index(name), *arrays, delta, score, out, *numbers)


def requantize(name: str, acc: np.ndarray, shift: int, bits: int = 8) -> np.ndarray:
    """`hwsim.ops.requantize` of int32 by one shift."""
    acc = _int32("acc", acc)
    if np.ndim(shift):
        raise UnsupportedError("the kernels take one shift, not an array of them")
    out = np.empty(acc.shape, _container(bits))
    kernels().requantize(index(name), acc, out, _check.shift("shift", shift), bits)
    return out


def residual_add(name: str, x: np.ndarray, acc: np.ndarray, shift: int, bits: int = 16) -> np.ndarray:
    """`hwsim.ops.residual_add` of int32 accumulators of the residual's shape."""
    _container(bits)
    x, acc = np.ascontiguousarray(_check.integers("x", x, bits), np.int16), _int32("acc", acc)
    if x.shape != acc.shape:
        raise UnsupportedError(
            f"x {x.shape} and acc {acc.shape} differ in shape; the kernels do not broadcast"
        )
    out = np.empty(x.shape, np.int16)
    kernels().residual_add(index(name), x, acc, out, _check.shift("shift", shift), bits)
    return out.astype(narrowest(bits))


OPERATORS = (
    "requantize",
    "manhattan_norm",
    "linear",
    "manhattan_score",
    "inhibit",
    "residual_add",
    "classify",
)
"""Names of the operators that can be run alone; the others are part of the whole model only."""


def _int32(name: str, x: np.ndarray) -> np.ndarray:
    x = _check.integers(name, x)
    if x.size and (x.min() < -(1 << 31) or x.max() >= 1 << 31):
        raise UnsupportedError(f"{name} leaves int32, in which the kernels accumulate")
    return np.ascontiguousarray(x, np.int32)


def _container(bits: int) -> type[np.signedinteger]:
    largest(bits)
    if bits > MOST_BITS:
        raise UnsupportedError(f"the kernels return at most {MOST_BITS} bits, not {bits}")
    return narrowest(bits)
