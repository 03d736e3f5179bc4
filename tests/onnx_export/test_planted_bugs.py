"""A bug planted in an exported graph is caught, and the comparison names the tensor it was planted in."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import hwsim
from hwsim import ModelConfig
from hwsim.compare import Difference, first_difference
from hwsim.onnx_export import RUNTIMES, export_model, run

TICKET = hwsim.random_ticket(
    ModelConfig(
        vocabulary=60, max_tokens=16, width=32, heads=2, layers=2, hidden=64, classes=2, embed_shift=5
    ),
    seed=4,
)


def compare(model: onnx.ModelProto, runtime: str) -> Difference | None:
    token_ids, mask = hwsim.random_tokens(TICKET.config, 6)
    expected = hwsim.forward(TICKET, token_ids, mask, trace=True).trace
    got = run(model, {"token_ids": token_ids, "mask": mask}, runtime)
    return first_difference(runtime, expected, got, mask, "look at {tensor} of sentence {sentence}")


def change_operand(model: onnx.ModelProto, node_name: str, operand: int, by: int) -> None:
    """Give one node a constant of its own, off by `by`."""
    node = next(node for node in model.graph.node if node.name == node_name)
    old = next(c for c in model.graph.initializer if c.name == node.input[operand])
    node.input[operand] = f"{node_name}/planted"
    model.graph.initializer.append(
        numpy_helper.from_array(numpy_helper.to_array(old) + np.int32(by), node.input[operand])
    )


def change_constant(model: onnx.ModelProto, name: str, index: tuple[int, ...], factor: int, by: int) -> None:
    """Change one element of a named constant."""
    constant = next(c for c in model.graph.initializer if c.name == name)
    array = numpy_helper.to_array(constant).copy()
    array[index] = array[index] * factor + by
    constant.CopyFrom(numpy_helper.from_array(array, name))


def heavy(weight: np.ndarray) -> tuple[int, ...]:
    """Where a transposed weight is not zero."""
    return tuple(int(i) for i in np.argwhere(weight.T)[0])


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_without_a_bug_nothing_differs(runtime: str) -> None:
    assert compare(export_model(TICKET, trace=True), runtime) is None


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize(("node", "tensor"), [
    ("/layers.0/attn/q/add_1", "layers.0.q"),
    ("/layers.1/ffn/out/add_1", "layers.1.ffn_out"),
    ("/layers.0/attn/inhibit/add", "layers.0.inhibit"),
])  # fmt: skip
def test_a_rounding_half_that_is_one_too_small(runtime: str, node: str, tensor: str) -> None:
    model = export_model(TICKET, trace=True)
    change_operand(model, node, 1, -1)
    found = compare(model, runtime)
    assert found is not None
    assert found.tensor == tensor
    assert abs(found.expected - found.actual) == 1
    assert found.implementation == runtime
    assert found.reproduce == f"look at {tensor} of sentence {found.index[0]}"


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_weight_of_the_wrong_sign(runtime: str) -> None:
    model = export_model(TICKET, trace=True)
    index = heavy(TICKET.layers[1].linears["ffn_hidden"].weight)
    change_constant(model, "/layers.1/ffn/hidden/weight", index, -1, 0)
    found = compare(model, runtime)
    assert found is not None
    assert (found.tensor, found.index[-1]) == ("layers.1.ffn_hidden", index[1])


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_an_offset_that_is_off_by_one(runtime: str) -> None:
    model = export_model(TICKET, trace=True)
    change_constant(model, "/layers.0/attn/score/delta", (1, 0, 0), 1, 1)
    found = compare(model, runtime)
    assert found is not None
    assert (found.tensor, found.index[1], found.expected - found.actual) == ("layers.0.score", 1, 1)
    assert found.operator == "manhattan_score"


def test_a_wrong_entry_of_the_reciprocal_table() -> None:
    model = export_model(TICKET, trace=True)
    table = next(
        c.name
        for c in model.graph.initializer
        if numpy_helper.to_array(c).tolist() == [15, 13, 12, 11, 10, 10, 9, 8]
    )
    for index in range(8):
        change_constant(model, table, (index,), 1, 1)
    found = compare(model, "onnxruntime")
    assert found is not None
    assert found.tensor == "layers.0.attn_norm"


def test_a_position_that_is_off_by_one() -> None:
    model = export_model(TICKET, trace=True)
    cumsum = next(node for node in model.graph.node if node.op_type == "CumSum")
    cumsum.attribute[0].i = 0
    token_ids, mask = hwsim.random_tokens(TICKET.config, 3)
    token_ids, mask = token_ids[1:, :9], mask[1:, :9]
    mask[:, 0] = True
    expected = hwsim.forward(TICKET, token_ids, mask, trace=True).trace
    found = first_difference("onnx", expected, run(model, {"token_ids": token_ids, "mask": mask}), mask)
    assert found is not None
    assert found.tensor == "embed"
