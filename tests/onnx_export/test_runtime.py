"""What the ONNX side refuses: inputs, models and operators."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import hwsim
from hwsim import ModelConfig
from hwsim.cases import Case
from hwsim.errors import HwsimError, RangeError, UnsupportedError
from hwsim.onnx_export import export_head, export_model, run, run_onnxruntime, run_operator, run_reference
from hwsim.onnx_export.builder import Builder
from hwsim.onnx_export.check import check_model

SMALL = ModelConfig(vocabulary=30, max_tokens=8, width=16, heads=2, layers=1, hidden=24, classes=3)


@pytest.mark.parametrize("runner", [run_onnxruntime, run_reference])
@pytest.mark.parametrize(
    ("token_ids", "mask", "message"),
    [
        ([[-1]], None, "token id -1"),
        ([[30]], None, "token id 30"),
        ([[1.0]], None, "float64"),
        ([1, 2], None, "batch, tokens"),
        ([[0] * 9], None, "at most 8"),
        ([[1, 2]], [[0, 0]], "without a real token"),
        ([[1, 2]], [[0, 2]], "0 and 1"),
        ([[1, 2]], [[1]], "mask has shape"),
    ],
)
def test_inputs_are_checked_as_the_emulator_checks_them(
    runner: object, token_ids: list, mask: list | None, message: str
) -> None:
    model = export_model(hwsim.random_ticket(SMALL))
    with pytest.raises(HwsimError, match=message):
        runner(model, np.array(token_ids), mask and np.array(mask))  # type: ignore[operator]


def test_a_missing_mask_means_that_all_tokens_are_real() -> None:
    ticket, token_ids = hwsim.random_ticket(SMALL), np.arange(6).reshape(2, 3)
    model = export_model(ticket)
    for optimise in (True, False):
        got = run_onnxruntime(model, token_ids, optimise=optimise)["logits"]
        np.testing.assert_array_equal(got, hwsim.forward(ticket, token_ids).logits)


def test_a_part_of_a_model_is_not_run_on_tokens() -> None:
    with pytest.raises(HwsimError, match="not a whole hwsim model"):
        run_onnxruntime(export_head(hwsim.random_ticket(SMALL)), np.zeros((1, 2), int))


def test_unknown_runtimes_and_wrong_feeds_are_refused() -> None:
    model = export_model(hwsim.random_ticket(SMALL))
    with pytest.raises(HwsimError, match="onnx_reference"):
        run(model, {}, "tensorrt")
    for runtime in ("onnxruntime", "onnx_reference"):
        with pytest.raises(HwsimError, match=f"{runtime} refuses"):
            run(model, {"token_ids": np.zeros((1, 2), int)}, runtime)


def test_an_operator_outside_the_profile_is_refused() -> None:
    b = Builder()
    b.op("Neg", b.input("x", ("n",)))
    with pytest.raises(HwsimError, match="/neg: operator Neg"):
        b.model("bad", ["/neg"], {})


def test_a_float_constant_is_refused() -> None:
    b = Builder()
    b.op("Cast", b.constant(np.ones(3), "weight"), to=TensorProto.INT32)
    with pytest.raises(HwsimError, match="/weight has type DOUBLE"):
        b.model("bad", ["/cast"], {})


def test_another_type_in_between_is_refused() -> None:
    b = Builder()
    wide = b.op("Cast", b.input("x", ("n",)), to=TensorProto.INT64)
    b.op("Cast", b.op("Add", wide, wide), to=TensorProto.INT32)
    with pytest.raises(HwsimError, match="/cast computes INT64"):
        b.model("bad", ["/cast_1"], {})


def test_an_invalid_graph_is_refused() -> None:
    b = Builder()
    b.op("Add", b.input("x", ("n",)), "nowhere")
    with pytest.raises(HwsimError, match="not valid ONNX"):
        b.model("bad", ["/add"], {})


def test_a_shape_that_cannot_be_inferred_is_refused() -> None:
    x, y = (helper.make_tensor_value_info(name, TensorProto.INT32, ["n"]) for name in "xy")
    shape = helper.make_tensor_value_info("s", TensorProto.INT64, None)
    nodes = [
        helper.make_node("Reshape", ["x", "s"], ["z"], "middle"),
        helper.make_node("Max", ["z", "x"], ["y"]),
    ]
    graph = helper.make_graph(nodes, "g", [x, shape], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    with pytest.raises(HwsimError, match=r"node middle: no shape|not valid ONNX"):
        check_model(model)


def test_an_operator_that_returns_its_input_is_a_graph_too() -> None:
    x = np.array([3, -3], np.int32)
    np.testing.assert_array_equal(run_operator(Case("round_shift", "nothing", {"x": x, "shift": 0})), x)


def test_what_the_portable_profile_cannot_hold_is_refused() -> None:
    with pytest.raises(RangeError, match="2\\^24"):
        run_operator(Case("saturate", "large", {"x": np.array([1 << 24]), "bits": 8}))
    with pytest.raises(UnsupportedError, match=r"0\.\.23"):
        run_operator(Case("round_shift", "far", {"x": np.array([1]), "shift": 24}))
    with pytest.raises(HwsimError, match="unknown operator"):
        run_operator(Case("softmax", "no", {}))


def test_constants_keep_their_rank_and_type() -> None:
    b = Builder()
    names = [b.constant(1), b.constant(np.array([1], np.int32)), b.constant(np.array([1], np.int64))]
    assert len(set(names)) == 3
    assert b.constant(1) == names[0]
    b.op("Add", b.input("x", ("n",)), 1)
    stored = b.model("ranks", ["/add"], {}).graph.initializer
    assert [onnx.numpy_helper.to_array(c).ndim for c in stored] == [0, 1, 1]
