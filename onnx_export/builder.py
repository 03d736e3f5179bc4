"""A small graph builder over onnx.helper: named nodes, shared constants, and the integer vocabulary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import hwsim
from hwsim.onnx_export.check import check_model
from hwsim.onnx_export.profiles import PORTABLE, Profile

INT32, UINT8 = TensorProto.INT32, TensorProto.UINT8

OPSET = 17
IR_VERSION = 8

ZERO_POINT = 128
"""A byte holds a number x of -127..127 as x + 128."""

DIVIDEND_BIAS = 1 << 30
"""Added to a dividend of the fast profile it makes it positive, so that Div rounds down."""

Operand = str | int | np.ndarray
"""The name of a value, an int32 scalar constant, or an array constant."""


class Builder:
    """Collects the nodes of one graph. Nodes are called /scope/.../operator, constants by what they hold.

    profile: which form the operators take; distance: one of its `distances`, by default the first.
    """

    def __init__(self, profile: Profile = PORTABLE, distance: str | None = None) -> None:
        self.profile, self.distance = profile, profile.distance(distance)
        self._bytes: dict[str, str] = {}
        self._nodes: list[onnx.NodeProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._constants: dict[tuple[str, str, tuple[int, ...], bytes], onnx.TensorProto] = {}
        self._scope: list[str] = []
        self._taken: set[str] = set()

    @contextmanager
    def scope(self, *names: str) -> Iterator[None]:
        """Nodes made inside are called /name/...; scopes nest."""
        self._scope += names
        yield
        del self._scope[-len(names) :]

    def _unique(self, name: str) -> str:
        path = "/" + "/".join([*self._scope, name])
        unique, count = path, 0
        while unique in self._taken:
            count += 1
            unique = f"{path}_{count}"
        self._taken.add(unique)
        return unique

    def input(self, name: str, shape: Sequence[str | int]) -> str:
        """An int32 graph input; text in its shape names a dynamic axis."""
        self._inputs.append(helper.make_tensor_value_info(name, TensorProto.INT32, list(shape)))
        return name

    def constant(self, value: int | np.ndarray, name: str = "") -> str:
        """An initialiser; equal unnamed ones are stored once, a named one belongs to its scope."""
        array = np.array(value, np.int32 if isinstance(value, int) else None, order="C")
        key = (name and self._unique(name), array.dtype.name, array.shape, array.tobytes())
        if key not in self._constants:
            text = "_".join(map(str, array.ravel())) if array.size <= 4 else f"table{len(self._constants)}"
            unique = key[0] or f"{array.dtype.name}_{array.ndim}d_{text}"
            self._constants[key] = numpy_helper.from_array(array, unique)
        return self._constants[key].name

    def op(self, kind: str, *operands: Operand, **attributes: Any) -> str:
        """Append one node and return the name of its only output."""
        inputs = [operand if isinstance(operand, str) else self.constant(operand) for operand in operands]
        name = self._unique(kind.lower())
        self._nodes.append(helper.make_node(kind, inputs, [name], name, **attributes))
        return name

    def named(self, value: str, name: str) -> str:
        """Call the value just computed `name`: one of the model's named tensors."""
        if not self._nodes or self._nodes[-1].output[0] != value:
            self.op("Identity", value)
        self._nodes[-1].output[0] = name
        return name

    def int32(self, array: np.ndarray, name: str) -> str:
        """An int8 initialiser and its Cast to int32."""
        return self.op("Cast", self.constant(array.astype(np.int8), name), to=TensorProto.INT32)

    def take(self, table: Operand, index: Operand, axis: int = 0) -> str:
        """Gather along one axis."""
        return self.op("Gather", table, index, axis=axis)

    def unsqueeze(self, x: str, *axes: int) -> str:
        """New axes of length 1 at these places of the result."""
        return self.op("Unsqueeze", x, np.array(axes, np.int64))

    def sum(self, x: str, axis: int, keep: bool = False) -> str:
        """Sum over one axis; `hwsim.ranges` proves that it fits."""
        return self.op("ReduceSum", x, np.array([axis], np.int64), keepdims=int(keep))

    def uint8(self, x: str) -> str:
        """x + 128 as uint8, for x within +-127; made once for each x."""
        if x not in self._bytes:
            self._bytes[x] = self.op("Cast", self.op("Add", x, ZERO_POINT), to=TensorProto.UINT8)
        return self._bytes[x]

    def sum_of_bytes(self, x: str, ones: str) -> str:
        """Sum of x - 128 over the last axis, as a product with uint8 ones [n, 1].

        The ones are a matrix since onnxruntime is many times slower with a vector.
        """
        return self.sum(self.matmul_uint8(x, ones, 0), -1)

    def matmul_uint8(self, a: str, b: str, b_zero_point: int = ZERO_POINT) -> str:
        """(a - 128) @ (b - b_zero_point) in int32, of two uint8 operands."""
        points = (self.constant(np.array(point, np.uint8)) for point in (ZERO_POINT, b_zero_point))
        return self.op("MatMulInteger", a, b, *points)

    def shift_right(self, x: str, shift: int, plus: int = 0) -> str:
        """floor((x + plus) / 2^shift), with Div on a dividend that no way of rounding can get wrong.

        Fast: a positive one, since 2^30 more is a multiple of 2^shift. Portable: see `floor_divide`.
        """
        if self.profile is PORTABLE:
            return self.floor_divide(self.op("Add", x, plus) if plus else x, 1 << shift)
        positive = self.op("Add", x, DIVIDEND_BIAS + plus)
        return self.op("Sub", self.op("Div", positive, 1 << shift), DIVIDEND_BIAS >> shift)

    def floor_divide(self, x: str, divisor: Operand) -> str:
        """floor(x / divisor) for a divisor > 0: the remainder is taken off first, so that Div is exact.

        A runtime may truncate, or compute int32 in float32: an exact multiple gives the same either way.
        """
        return self.op("Div", self.op("Sub", x, self.op("Mod", x, divisor)), divisor)

    def clip(self, x: str, low: int, high: int) -> str:
        """min(max(x, low), high)."""
        return self.op("Min", self.op("Max", x, low), high)

    def model(self, name: str, outputs: Sequence[str], metadata: dict[str, str]) -> onnx.ModelProto:
        """The finished model, checked; raises HwsimError if it is not one of the profile."""
        results = [helper.make_tensor_value_info(output, TensorProto.INT32, None) for output in outputs]
        graph = helper.make_graph(self._nodes, name, self._inputs, results, list(self._constants.values()))
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="hwsim",
            producer_version=hwsim.__version__,
        )
        helper.set_model_props(model, metadata)
        return check_model(model, self.profile)
