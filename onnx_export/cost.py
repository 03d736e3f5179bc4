"""What running an exported graph costs: operations by type, and bytes.

Counted as a runtime executes the nodes, zeros included; `hwsim.cost` counts what the ticket needs. An
addition is an addition, subtraction or comparison of two numbers, as there; |x|, casts, look-ups and changes
of shape count nothing. Divisions are all by powers of two.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import onnx
from onnx import helper

from hwsim.errors import HwsimError
from hwsim.onnx_export.shapes import shapes, with_sizes

COUNTS = ("adds", "multiplies", "divisions")


def cost(model: onnx.ModelProto, tokens: int = 32, batch: int = 1) -> dict[str, Any]:
    """JSON: `nodes` by operator, `operations` by type, their totals, and `bytes`.

    bytes: `stored`, the constants; `moved`, what all nodes read and write; `live`, the most that computed
    tensors take at one time if each is freed after its last use. Raises HwsimError for sizes below 1 or
    that the graph does not take.
    """
    if tokens < 1 or batch < 1:
        raise HwsimError(f"{batch} sequences of {tokens} tokens; give at least 1 of 1")
    try:
        known = shapes(with_sizes(model, {"batch": batch, "seq": tokens}))
    except onnx.shape_inference.InferenceError as error:
        raise HwsimError(f"the graph does not take {batch} sequences of {tokens} tokens ({error})") from error
    sizes: dict[str, int] = {}
    for name, (kind, shape) in known.items():
        if shape is None:
            raise HwsimError(f"the shape of {name} does not follow from the inputs")
        sizes[name] = math.prod(shape) * helper.tensor_dtype_to_np_dtype(kind).itemsize
    operations: dict[str, Counter[str]] = {}
    for node in model.graph.node:
        for what, count in _operations(node, known):
            kind = helper.tensor_dtype_to_np_dtype(known[node.input[0]][0]).name
            operations.setdefault(kind, Counter())[what] += count
    return {
        "tokens": tokens,
        "batch": batch,
        "nodes": dict(sorted(Counter(node.op_type for node in model.graph.node).items())),
        "operations": {kind: {what: found[what] for what in COUNTS} for kind, found in operations.items()},
        **{what: sum(found[what] for found in operations.values()) for what in COUNTS},
        "bytes": {
            "stored": sum(sizes[constant.name] for constant in model.graph.initializer),
            "moved": sum(sizes[name] for n in model.graph.node for name in (*n.input, *n.output) if name),
            "live": _most_alive(model.graph, sizes),
        },
    }


def _operations(
    node: onnx.NodeProto, known: dict[str, tuple[int, tuple[int, ...] | None]]
) -> list[tuple[str, int]]:
    def size(name: str) -> int:
        return math.prod(known[name][1] or ())

    made = size(node.output[0])
    match node.op_type:
        case "Add" | "Sub" | "Max" | "Min":
            return [("adds", made * (len(node.input) - 1))]
        case "ReduceSum" | "ReduceMin":
            return [("adds", size(node.input[0]) - made)]
        case "CumSum":
            return [("adds", made)]
        case "Mul":
            return [("multiplies", made)]
        case "Div" | "Mod":
            return [("divisions", made)]
        case "MatMul" | "MatMulInteger":
            products = made * (known[node.input[0]][1] or (1,))[-1]
            return [("multiplies", products), ("adds", products)]
    return []


def _most_alive(graph: onnx.GraphProto, sizes: dict[str, int]) -> int:
    last = {name: place for place, node in enumerate(graph.node) for name in node.input}
    kept = {value.name for value in graph.output}
    alive: set[str] = set()
    most = 0
    for place, node in enumerate(graph.node):
        alive |= set(node.output)
        most = max(most, sum(sizes[name] for name in alive))
        alive -= {name for name in alive if last.get(name, -1) <= place and name not in kept}
    return most
