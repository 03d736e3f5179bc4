"""What an exported graph costs, against counts by hand."""

from __future__ import annotations

import math

import numpy as np
import onnx
import pytest

import hwsim
from hwsim import ModelConfig
from hwsim.errors import HwsimError
from hwsim.onnx_export import export_head, export_model
from hwsim.onnx_export.builder import Builder
from hwsim.onnx_export.cost import COUNTS, cost
from hwsim.onnx_export.ops import linear
from hwsim.onnx_export.profiles import PROFILES, Profile

CONFIG = ModelConfig(vocabulary=20, max_tokens=8, width=16, heads=2, layers=2, hidden=24, classes=3)
TICKET = hwsim.random_ticket(CONFIG)


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_a_linear_layer(profile: Profile) -> None:
    b = Builder(profile)
    weight = np.full((5, 16), 3, np.int8)
    b.named(linear(b, b.input("x", ("batch", "seq", 16)), weight, np.zeros(5, np.int32)), "result")
    found = cost(b.model("linear", ["result"], {}), tokens=7, batch=2)
    products = 2 * 7 * 16 * 5
    kind = "uint8" if profile.name == "fast" else "int32"
    assert found["operations"][kind]["multiplies"] == found["multiplies"] == products
    # The bias; in bytes also the offset of the input.
    assert found["adds"] == products + 2 * 7 * 5 + (2 * 7 * 16 if kind == "uint8" else 0)
    assert found["divisions"] == 0
    assert found["bytes"]["stored"] == 16 * 5 + 4 * 5 + (4 + 1 if kind == "uint8" else 0)


def test_every_operator_by_hand() -> None:
    b = Builder()
    x = b.input("x", ("batch", "seq"))
    total = b.sum(b.op("Abs", b.op("Sub", x, 3)), -1, keep=True)
    b.named(b.shift_right(b.op("Mul", b.clip(total, 0, 9), 5), 2, plus=2), "y")
    found = cost(b.model("small", ["y"], {}), tokens=10, batch=3)
    # Sub 30, ReduceSum 27, Max 3, Min 3, Mul 3; Add 3, Mod 3, Sub 3, Div 3.
    assert {what: found[what] for what in COUNTS} == {"adds": 69, "multiplies": 3, "divisions": 6}
    assert found["nodes"] == {
        "Abs": 1, "Add": 1, "Div": 1, "Max": 1, "Min": 1, "Mod": 1, "Mul": 1, "ReduceSum": 1, "Sub": 2,
    }  # fmt: skip
    # x - 3 and its magnitude, [3, 10] each, are alive together.
    assert found["bytes"]["live"] == 2 * 30 * 4


def test_the_whole_model_multiplies_by_its_weights_and_little_else() -> None:
    n = 6
    found = cost(export_model(TICKET), tokens=n)
    encoder = CONFIG.layers * (4 * 16 * 16 + 2 * 16 * 24)
    products = n * encoder + CONFIG.classes * 16
    assert products < found["multiplies"] < products + 30 * n * 16 * CONFIG.layers
    stored = sum(
        math.prod(c.dims) * (1 if c.data_type == onnx.TensorProto.INT8 else 4)
        for c in export_model(TICKET).graph.initializer
        if c.data_type != onnx.TensorProto.INT64
    )
    assert 0 < found["bytes"]["stored"] - stored < 200


def test_the_forms_of_the_distance_differ_in_memory() -> None:
    live = {
        (profile, distance): cost(export_head(TICKET, 0, profile, distance), tokens=64)["bytes"]["live"]
        for profile, distance in (("portable", "broadcast"), ("portable", "unrolled"), ("fast", "uint8"))
    }
    assert live["portable", "broadcast"] > 3 * live["fast", "uint8"]
    assert live["portable", "broadcast"] > 3 * live["portable", "unrolled"]


def test_sizes_that_make_no_sense_are_refused() -> None:
    model = export_model(TICKET)
    for sizes in ((0, 1), (1, 0)):
        with pytest.raises(HwsimError, match="at least 1"):
            cost(model, *sizes)
    for axis in model.graph.input[0].type.tensor_type.shape.dim:
        axis.dim_param = axis.dim_param.upper()
    with pytest.raises(HwsimError, match="'BATCH' of no given size"):
        cost(model)
