"""Every runtime gives the emulator's integers, and what is missing, broken or wrong is said to be so."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import hwsim
from hwsim import ModelConfig, runtimes
from hwsim.errors import HwsimError, RangeError
from hwsim.onnx_export import export_model
from hwsim.runtimes import RUNTIMES, directed_and_random, of_texts, run_runtimes
from hwsim.tokens import Encoded

SMALL = ModelConfig(
    vocabulary=30, max_tokens=8, width=16, heads=2, layers=2, hidden=24, classes=3, embed_shift=4
)
TICKETS = [
    SMALL,
    dataclasses.replace(SMALL, weights="int8", inhibition="unsigned", centring="mean", inner_norms=True),
    ModelConfig(50, 64, 128, 4, 1, 256, 2, weights="int4", centring="none", embed_shift=7),
]
NAMES = [runtime.name for runtime in RUNTIMES]
IN_JAVASCRIPT = ["onnxruntime_web_node", "onnxruntime_web_chromium", "onnxruntime_node"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("config", TICKETS, ids=lambda config: config.weights)
def test_every_runtime_is_exact_in_the_portable_profile(name: str, config: ModelConfig) -> None:
    ticket = hwsim.random_ticket(config, seed=5)
    (row,) = run_runtimes(ticket, directed_and_random(ticket, 5), names=[name])
    assert row.missing is None, "the tests need every runtime: run .ci/setup.sh"
    assert (row.error, row.first_difference) == (None, None)
    assert (row.loads, row.exact) == (True, True)
    assert row.version
    assert row.seconds is not None
    assert row.seconds > 0


# OpenVINO computes int32 in float32: it is of another family, and `c99` has no profile.
@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("openvino", "c99")])
def test_the_fast_profile_is_exact_in_the_family_of_onnxruntime(name: str) -> None:
    ticket = hwsim.random_ticket(TICKETS[1], seed=6)
    (row,) = run_runtimes(ticket, directed_and_random(ticket, 5), "fast", [name])
    assert (row.error, row.first_difference, row.exact) == (None, None, True)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "c99"])
def test_a_planted_bug_is_found_in_every_runtime(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def planted(ticket: hwsim.Ticket, profile: str) -> onnx.ModelProto:
        model = export_model(ticket, trace=True, profile=profile)
        (delta,) = (c for c in model.graph.initializer if c.name == "/layers.1/attn/score/delta")
        delta.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(delta) + np.int32(1), delta.name))
        return model

    monkeypatch.setattr(runtimes, "_export", planted)
    ticket = hwsim.random_ticket(SMALL)
    (row,) = run_runtimes(ticket, directed_and_random(ticket, 5), names=[name], reproduce="again {name}")
    assert (row.loads, row.exact, row.error) == (True, False, None)
    assert row.first_difference is not None
    assert (row.first_difference.tensor, row.first_difference.implementation) == ("layers.1.score", name)
    assert row.first_difference.reproduce == f"again {name}"
    assert row.to_dict()["first_difference"]["tensor"] == "layers.1.score"


@pytest.mark.parametrize("name", [name for name in NAMES if name != "c99"])
def test_a_model_that_does_not_load_is_no_pass(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(ticket: hwsim.Ticket, profile: str) -> onnx.ModelProto:
        model = export_model(ticket, trace=True, profile=profile)
        model.graph.node[0].op_type = "NoSuchOperator"
        return model

    monkeypatch.setattr(runtimes, "_export", broken)
    ticket = hwsim.random_ticket(SMALL)
    (row,) = run_runtimes(ticket, directed_and_random(ticket, 2), names=[name])
    assert row.exact is False
    assert row.missing is None
    assert "NoSuchOperator" in str(row.error)


def test_what_is_not_installed_is_missing_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NODE_PATH", "")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    ticket = hwsim.random_ticket(SMALL)
    wanted = [*IN_JAVASCRIPT, "openvino"]
    for path, reasons in (
        (None, ["npm install onnxruntime-web"] * 2 + ["npm install onnxruntime-node"]),
        ("", ["Node.js", "chromium", "Node.js", "gcc"]),
    ):
        if path is not None:
            monkeypatch.setenv("PATH", path)
            wanted = [*IN_JAVASCRIPT, "c99"]
        rows = run_runtimes(ticket, directed_and_random(ticket, 2), names=wanted)
        for row, reason in zip(rows, [*reasons, "hwsim[runtimes]"], strict=False):
            assert reason in str(row.missing)
            assert (row.exact, row.loads, row.version, row.seconds) == (None, None, None, None)


def test_packages_are_found_in_node_path_and_above(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from hwsim.onnx_export.runtimes import javascript

    package = tmp_path / "node_modules" / "onnxruntime-web"
    package.mkdir(parents=True)
    (package / "package.json").write_text('{"version": "1.2.3"}')
    (tmp_path / "deep" / "er").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "deep" / "er")
    monkeypatch.setenv("NODE_PATH", "")
    assert javascript.package("onnxruntime-web") == package
    assert javascript.version(package) == "1.2.3"
    monkeypatch.chdir("/")
    assert javascript.package("onnxruntime-web") is None
    monkeypatch.setenv("NODE_PATH", f"/nowhere:{tmp_path / 'node_modules'}")
    assert javascript.package("onnxruntime-web") == package


def test_inputs() -> None:
    ticket = hwsim.random_ticket(SMALL)
    batches = directed_and_random(ticket, 6, seed=3)
    assert [token_ids.shape[1] for token_ids, _ in batches] == [8, 1, 4]
    assert all(mask.any(axis=1).all() for _, mask in batches)
    lengths = np.random.default_rng(0).integers(1, 9, 70)
    mask = np.arange(8) < lengths[:, None]
    texts = of_texts(Encoded(np.zeros((70, 8), np.int32), mask, [], 0))
    assert sum(len(token_ids) for token_ids, _ in texts) == 70
    assert [token_ids.shape[1] for token_ids, _ in texts] == [*sorted(lengths)[31::32], max(lengths)]


def test_unknown_names_and_unproved_tickets_are_refused() -> None:
    ticket = hwsim.random_ticket(SMALL)
    inputs = directed_and_random(ticket, 2)
    with pytest.raises(HwsimError, match="no runtime 'tflite'; there are onnxruntime, "):
        run_runtimes(ticket, inputs, names=["tflite"])
    with pytest.raises(HwsimError, match="portable, fast"):
        run_runtimes(ticket, inputs, "quick")
    wide = ticket.replace(classify_bias=np.full(3, 1 << 24, np.int32))
    with pytest.raises(RangeError, match="portable"):
        run_runtimes(wide, inputs, names=["onnxruntime"])
    (row,) = run_runtimes(wide, inputs, "fast", names=["c99"])
    assert row.exact


@pytest.mark.data
@pytest.mark.parametrize("name", ["openvino", "onnxruntime_web_node", "c99"])
def test_a_whole_data_set(name: str) -> None:
    from hwsim import data
    from hwsim.tokens import encode

    ticket = hwsim.load_ticket("sst2-tiny")
    texts = [example.text for example in data.load("sst2", "dev")]
    (row,) = run_runtimes(ticket, of_texts(encode(ticket, texts)), names=[name])
    assert row.exact
