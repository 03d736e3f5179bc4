"""The loader for files that nobody vouches for: what it accepts and refuses, and that nothing breaks it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

import hwsim
from hwsim import ModelConfig, tickets
from hwsim.errors import HwsimError
from hwsim.onnx_export import export_block, export_head, export_model, load, load_model, run, save_model
from hwsim.onnx_export.load import OnnxFileError, parse
from hwsim.onnx_export.profiles import FAST, PROFILES

TICKET = hwsim.random_ticket(
    ModelConfig(vocabulary=12, max_tokens=8, width=16, heads=2, layers=1, hidden=8, classes=2)
)
MODELS = {
    f"{export.__name__} {profile}": export(TICKET, profile=profile)
    for export in (export_model, export_block, export_head)
    for profile in PROFILES
}
MODEL = MODELS["export_model portable"]
Change = Callable[[onnx.ModelProto], object]


def copy(model: onnx.ModelProto = MODEL) -> onnx.ModelProto:
    other = onnx.ModelProto()
    other.CopyFrom(model)
    return other


def node(model: onnx.ModelProto, kind: str) -> onnx.NodeProto:
    return next(one for one in model.graph.node if one.op_type == kind)


def feeds() -> dict[str, np.ndarray]:
    token_ids, mask = hwsim.random_tokens(TICKET.config, 2)
    return {"token_ids": token_ids, "mask": mask}


@pytest.mark.parametrize("name", MODELS)
def test_every_export_is_accepted(name: str, tmp_path: Path) -> None:
    accepted = load_model(save_model(MODELS[name], tmp_path / "model.onnx"))
    assert accepted.graph.node == MODELS[name].graph.node
    assert accepted.graph.initializer == MODELS[name].graph.initializer


@pytest.mark.parametrize("centring", ["mean", "none"])
@pytest.mark.parametrize("distance", ["broadcast", "unrolled"])
def test_every_switch_is_accepted(centring: str, distance: str) -> None:
    config = ModelConfig(
        12, 512, 64, 1, 1, 8, 2,
        centring=centring, inner_norms=True, inhibition="unsigned", weights="int8",
    )  # fmt: skip
    ticket = hwsim.random_ticket(config)
    for profile in PROFILES:
        parse(export_model(ticket, True, profile, distance).SerializeToString())
    token_ids, mask = hwsim.random_tokens(config, 1)
    token_ids, mask = token_ids[:, :20], mask[:, :20] | True
    got = run(parse(export_model(ticket).SerializeToString()), {"token_ids": token_ids, "mask": mask})
    np.testing.assert_array_equal(got["logits"], hwsim.forward(ticket, token_ids, mask).logits)


def test_the_shipped_tickets_are_accepted() -> None:
    for name in tickets.shipped():
        for profile in PROFILES:
            assert parse(
                export_model(hwsim.load_ticket(name), True, profile).SerializeToString()
            ).graph.output


def add_node(*arguments: object, **attributes: object) -> Change:
    return lambda m: m.graph.node.append(helper.make_node(*arguments, name="planted", **attributes))


def set_constant(kind: str, operand: int, value: np.ndarray) -> Change:
    def change(model: onnx.ModelProto) -> None:
        stored = {c.name: c for c in model.graph.initializer}
        used = (n.input[operand] for n in model.graph.node if n.op_type == kind)
        constant = next(stored[name] for name in used if name in stored)
        constant.CopyFrom(numpy_helper.from_array(value, constant.name))

    return change


def external(model: onnx.ModelProto) -> None:
    constant = model.graph.initializer[0]
    constant.data_location = TensorProto.EXTERNAL
    constant.external_data.add(key="location", value="../../etc/passwd")


def loop(model: onnx.ModelProto) -> None:
    body = helper.make_graph([], "body", [], [])
    model.graph.node.append(helper.make_node("Loop", ["mask"], ["y"], "planted", body=body))


def function(model: onnx.ModelProto) -> None:
    opset = [helper.make_opsetid("", 17)]
    model.functions.append(helper.make_function("local", "F", ["x"], ["x"], [], opset))


def sparse(model: onnx.ModelProto) -> None:
    values = helper.make_tensor("s", TensorProto.INT32, [1], [1])
    indices = helper.make_tensor("i", TensorProto.INT64, [1], [0])
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [9]))


def huge_constant(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].dims[:] = [1 << 40]


def blow_up(model: onnx.ModelProto) -> None:
    """Each step twice as long: 2^29 elements in the end."""
    last = "mask"
    for step in range(20):
        model.graph.node.append(helper.make_node("Concat", [last, last], [f"w{step}"], f"wide{step}", axis=1))
        last = f"w{step}"


def cycle(model: onnx.ModelProto) -> None:
    first = model.graph.node[0]
    first.input[0] = model.graph.node[-1].output[0]


def dynamic_shape(model: onnx.ModelProto) -> None:
    cast = helper.make_node("Cast", ["mask"], ["shape"], "cast", to=TensorProto.INT64)
    model.graph.node.extend([cast, helper.make_node("Reshape", ["mask", "shape"], ["y"], "planted")])


def divide_by_input(model: onnx.ModelProto) -> None:
    node(model, "Div").input[1] = "mask"


def table_with_zero(model: onnx.ModelProto) -> None:
    """Of the powers of two that the norm's divisor is looked up in."""
    looked_up = {one.output[0]: one.input[0] for one in model.graph.node if one.op_type == "Gather"}
    table = next(
        looked_up[d.input[1]] for d in model.graph.node if d.op_type == "Div" and d.input[1] in looked_up
    )
    constant = next(c for c in model.graph.initializer if c.name == table)
    values = numpy_helper.to_array(constant).copy()
    values[5] = 0
    constant.CopyFrom(numpy_helper.from_array(values, table))


REFUSED: dict[str, tuple[Change, str]] = {
    "old IR": (lambda m: setattr(m, "ir_version", 7), "IR version 7"),
    "new IR": (lambda m: setattr(m, "ir_version", 11), "IR version 11"),
    "no opset": (lambda m: m.ClearField("opset_import"), "no operators"),
    "another opset": (lambda m: setattr(m.opset_import[0], "version", 99), "only opset 17"),
    "two domains": (lambda m: m.opset_import.add(domain="com.microsoft", version=1), "com.microsoft"),
    "a function": (function, "functions"),
    "a sparse constant": (sparse, "sparse"),
    "external data": (external, "another file"),
    "a loop": (loop, "operator Loop"),
    "a condition": (add_node("If", ["mask"], ["y"]), "node planted: the operator If"),
    "a float operator": (add_node("Sqrt", ["mask"], ["y"]), "Sqrt"),
    "another domain": (add_node("Add", ["mask", "mask"], ["y"], domain="x"), "domain 'x'"),
    "expansion": (add_node("Expand", ["mask", "mask"], ["y"]), "Expand"),
    "a float constant": (
        lambda m: m.graph.initializer.append(helper.make_tensor("f", TensorProto.FLOAT, [1], [1.0])),
        "type float",
    ),
    "a string constant": (
        lambda m: m.graph.initializer.append(helper.make_tensor("f", TensorProto.STRING, [1], [b"x"])),
        "type string",
    ),
    "a float cast": (add_node("Cast", ["mask"], ["y"], to=TensorProto.FLOAT), "cast to float"),
    "a wide cast": (add_node("Cast", ["mask"], ["y"], to=TensorProto.INT64), "cast to int64"),
    "a float input": (
        lambda m: setattr(m.graph.input[0].type.tensor_type, "elem_type", TensorProto.FLOAT),
        "type float, not int32",
    ),
    "an input without a shape": (
        lambda m: m.graph.input[0].type.tensor_type.ClearField("shape"),
        "has no shape",
    ),
    "an empty input": (
        lambda m: setattr(m.graph.input[0].type.tensor_type.shape.dim[1], "dim_value", 0),
        "axis of 0",
    ),
    "too many inputs": (
        lambda m: m.graph.input.extend(
            helper.make_tensor_value_info(f"x{i}", TensorProto.INT32, [1]) for i in range(8)
        ),
        "10 inputs",
    ),
    "an input that is a constant too": (
        lambda m: m.graph.initializer.append(numpy_helper.from_array(np.ones(1, np.int32), "mask")),
        "input too",
    ),
    "an attribute that the operator has": (
        lambda m: node(m, "Mod").attribute.append(helper.make_attribute("fmod", 1)),
        "attribute 'fmod'",
    ),
    "an attribute of another type": (
        lambda m: node(m, "Gather").attribute[0].CopyFrom(helper.make_attribute("axis", 1.5)),
        "attribute 'axis'",
    ),
    "division by zero": (set_constant("Div", 1, np.array(0, np.int32)), "powers of two"),
    "division by minus one": (set_constant("Div", 1, np.array(-1, np.int32)), "powers of two"),
    "division by three": (set_constant("Mod", 1, np.array(3, np.int32)), "powers of two"),
    "division by an input": (divide_by_input, "node /.*div.*: the divisor"),
    "division by a table with zero": (table_with_zero, "powers of two"),
    "a shape that is computed": (dynamic_shape, "INT64|int64|no constant"),
    "an axis that is computed": (add_node("Unsqueeze", ["mask", "mask"], ["y"]), "no constant"),
    "a sum over all axes": (add_node("ReduceSum", ["mask"], ["y"]), "no constant"),
    "a huge constant": (huge_constant, r"shape \[1099511627776\]"),
    "a negative axis": (lambda m: m.graph.initializer[0].dims.__setitem__(0, -1), "shape"),
    "a short constant": (
        lambda m: setattr(m.graph.initializer[0], "raw_data", b"123"),
        "not valid ONNX",
    ),
    "tensors that double": (blow_up, "node wide.*: computes a tensor of shape"),
    "an outer product": (
        lambda m: m.graph.node.extend(
            [
                helper.make_node("Concat", ["mask"] * 900, ["w"], "wide", axis=1),
                helper.make_node("Transpose", ["w"], ["t"], "tall", perm=[1, 0]),
                helper.make_node("MatMul", ["t", "w"], ["y"], "planted"),
            ]
        ),
        "node planted: computes a tensor of shape",
    ),
    "a cycle": (cycle, "not valid ONNX"),
    "a missing operand": (add_node("Add", ["mask", "nowhere"], ["y"]), "not valid ONNX"),
    "a name used twice": (add_node("Add", ["mask", "mask"], ["embed"]), "not valid ONNX"),
    "no operand": (add_node("Add", [], ["y"]), "node planted: has 0 inputs"),
    "two results": (add_node("Add", ["mask", "mask"], ["y", "z"]), "2 outputs"),
    "no output": (lambda m: m.graph.ClearField("output"), "0 outputs"),
    "a wrong type of output": (
        lambda m: setattr(m.graph.output[0].type.tensor_type, "elem_type", TensorProto.INT8),
        "not int32",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_and_why(name: str, tmp_path: Path) -> None:
    change, message = REFUSED[name]
    model = copy()
    change(model)
    path = tmp_path / "bad.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(OnnxFileError, match=message) as refused:
        load_model(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert (refused.value.file, refused.value.reason in str(refused.value)) == (str(path), True)


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x08\x08", MODEL.SerializeToString()[:-1]])
def test_what_is_no_model(content: bytes) -> None:
    with pytest.raises(OnnxFileError, match=r"^thing: "):
        parse(content, "thing")


def test_files_that_cannot_be_read_or_are_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in (tmp_path / "none.onnx", tmp_path):
        with pytest.raises(OnnxFileError, match="cannot be read"):
            load_model(path)
    (tmp_path / "long.onnx").write_bytes(MODEL.SerializeToString())
    monkeypatch.setattr(load, "SIZE_LIMIT", 1000)
    with pytest.raises(OnnxFileError, match="more than 1000 bytes"):
        load_model(tmp_path / "long.onnx")
    monkeypatch.setattr(load, "SIZE_LIMIT", 1 << 20)
    monkeypatch.setattr(load, "LARGEST_NODES", 10)
    with pytest.raises(OnnxFileError, match="at most 10"):
        load_model(tmp_path / "long.onnx")


def accept_or_refuse(content: bytes) -> onnx.ModelProto | None:
    """What a hostile file may do: be refused with the one error, or be accepted and run or fail politely."""
    try:
        model = parse(content)
    except OnnxFileError:
        return None
    if [value.name for value in model.graph.input] == ["token_ids", "mask"]:
        try:
            results = run(model, feeds())
        except HwsimError as error:
            assert "onnxruntime refuses" in str(error)
        else:
            assert set(results) == {value.name for value in model.graph.output}
    return model


FUZZ = settings(
    deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
CONTENTS = [model.SerializeToString() for model in MODELS.values()]


@given(st.data())
@FUZZ
def test_fuzzed_bytes_are_accepted_or_refused(data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(CONTENTS)))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(content) - 1))
        stop = min(len(content), start + data.draw(st.sampled_from([0, 1, 1, 1, 8, 400])))
        content[start:stop] = data.draw(st.binary(max_size=9))
    accept_or_refuse(bytes(content))
    assert len(content) < 2 * max(map(len, CONTENTS))


NUMBERS = st.sampled_from(
    [-(1 << 63), -(1 << 31), -2, -1, 0, 1, 2, 3, 5, 8, 17, 127, 1 << 16, 1 << 31, 1 << 40]
)


def names(model: onnx.ModelProto) -> list[str]:
    return ["", *(name for one in model.graph.node for name in (*one.input, *one.output))]


def mutate(data: st.DataObject, model: onnx.ModelProto) -> None:
    """One change that keeps the file a protobuf: an operator, operand, attribute, axis, type or order."""
    graph = model.graph
    one = data.draw(st.sampled_from(list(graph.node)))
    constant = data.draw(st.sampled_from(list(graph.initializer)))
    value = data.draw(st.sampled_from([*graph.input, *graph.output]))
    what = data.draw(st.integers(0, 11))
    if what == 0:
        one.op_type = data.draw(st.sampled_from(sorted({*FAST.operators, "Loop", "Expand", "Gemm"})))
    elif what == 1 and one.input:
        one.input[data.draw(st.integers(0, len(one.input) - 1))] = data.draw(st.sampled_from(names(model)))
    elif what == 2:
        one.input.append(data.draw(st.sampled_from(names(model))))
    elif what == 3:
        one.output[0] = data.draw(st.sampled_from(names(model)))
    elif what == 4 and one.attribute:
        one.attribute[0].i = data.draw(NUMBERS)
    elif what == 5:
        name = data.draw(st.sampled_from(["axis", "axes", "to", "perm", "keepdims", "allowzero", "body"]))
        number = data.draw(NUMBERS)
        one.attribute.append(helper.make_attribute(name, data.draw(st.sampled_from([number, [number]]))))
    elif what == 6 and constant.dims:
        constant.dims[data.draw(st.integers(0, len(constant.dims) - 1))] = data.draw(NUMBERS)
    elif what == 7:
        constant.data_type = data.draw(st.integers(0, 26))
    elif what == 8:
        start = data.draw(st.integers(0, len(constant.raw_data)))
        planted = data.draw(NUMBERS).to_bytes(8, "little", signed=True)[
            : data.draw(st.sampled_from([1, 4, 8]))
        ]
        constant.raw_data = constant.raw_data[:start] + planted + constant.raw_data[start + len(planted) :]
    elif what == 9 and value.type.tensor_type.shape.dim:
        axis = data.draw(st.sampled_from(list(value.type.tensor_type.shape.dim)))
        axis.dim_value = data.draw(NUMBERS)
    elif what == 10:
        value.type.tensor_type.elem_type = data.draw(st.integers(0, 26))
    elif what == 11:
        graph.node.insert(data.draw(st.integers(0, len(graph.node))), one)


@given(st.data())
@FUZZ
def test_fuzzed_graphs_are_accepted_or_refused(data: st.DataObject) -> None:
    model = copy(data.draw(st.sampled_from(list(MODELS.values()))))
    for _ in range(data.draw(st.integers(1, 3))):
        mutate(data, model)
    accepted = accept_or_refuse(model.SerializeToString())
    assert accepted is None or {one.op_type for one in accepted.graph.node} <= FAST.operators
