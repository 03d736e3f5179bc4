"""The verification driver: all implementations, one tensor alone, and what it says of faults and absences."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import hwsim
from hwsim import implementations, verify
from hwsim.cases import Case
from hwsim.errors import HwsimError, MissingToolError, UnsupportedError
from hwsim.implementations import IMPLEMENTATIONS, Batch, Implementation, Run
from hwsim.isolate import tensor_cases
from hwsim.model import merge_heads

SIZES = {"vocabulary": 40, "max_tokens": 8, "width": 16, "heads": 2, "layers": 2, "hidden": 32, "classes": 3}
VARIANTS = (
    {},
    {"inner_norms": True, "weights": "int4", "embed_shift": 3},
    {"inhibition": "unsigned", "centring": "none", "weights": "int8", "residual_bits": 12},
)

WITH_OPERATORS = [one.name for one in IMPLEMENTATIONS if one.name != "accelerator"]
"""The accelerator runs whole tickets."""


def batch(**changes: object) -> Batch:
    config = hwsim.ModelConfig.from_dict(SIZES | changes)
    return verify.prepare(hwsim.random_ticket(config, 3), verify.make_inputs(config, 6, 1), 2)


def only(monkeypatch: pytest.MonkeyPatch, **changes: object) -> None:
    """A single implementation, PyTorch's, with something replaced."""
    pytorch = next(one for one in IMPLEMENTATIONS if one.name == "pytorch")
    monkeypatch.setattr(verify, "IMPLEMENTATIONS", (dataclasses.replace(pytorch, **changes),))


@pytest.mark.parametrize("changes", VARIANTS, ids=str)
def test_all_implementations_are_equal(changes: dict[str, object]) -> None:
    made = batch(**changes)
    report = verify.verify_ticket(made)
    assert report.ok
    assert report.equal == {one.name: True for one in IMPLEMENTATIONS}
    assert report.tensors == {one.name: len(made.expected) for one in IMPLEMENTATIONS}
    assert report.first_difference is None
    assert report.cycles["total"] > 0
    assert len(report.cycles["accelerator"]) == len(made.mask)


def test_tensors_of_a_size_the_verilog_does_not_offer_are_refused_one_by_one() -> None:
    report = verify.verify_ticket(batch(width=384, heads=6, hidden=64), names=["rtl"])
    assert report.equal == {"rtl": True}
    assert "manhattan_norm refuses rows of 384" in report.refused["rtl"]
    assert 0 < report.tensors["rtl"] < len(batch().expected)


def test_mean_centring_is_skipped_by_the_verilog_with_the_reason() -> None:
    report = verify.verify_ticket(batch(centring="mean"))
    assert report.ok
    assert "rtl" not in report.equal
    assert "mean" in report.skipped["rtl"]


@pytest.mark.parametrize("changes", VARIANTS, ids=str)
def test_isolated_operators_recompute_every_named_tensor(changes: dict[str, object]) -> None:
    made = batch(**changes)
    for name, want in made.expected.items():
        got = tensor_cases(made, name)[-1].expected()
        np.testing.assert_array_equal(merge_heads(got) if name.endswith(".inhibit") else got, want, name)


def test_one_tensor_alone_in_every_implementation() -> None:
    made = batch()
    for name in ("embed", "layers.0.v", "layers.1.score", "layers.1.ffn_hidden", "pool_norm", "logits"):
        report = verify.verify_tensor(made, name)
        ran = {name: True for name in WITH_OPERATORS if name not in report.skipped}
        assert report.equal == ran, name
        assert list(report.skipped) == ["accelerator", *(["native"] if name == "embed" else [])]


def test_operators_alone() -> None:
    report = verify.verify_operators(("manhattan_score", "pool"))
    assert report.equal == dict.fromkeys(WITH_OPERATORS, True)
    assert "runs whole tickets" in report.skipped["accelerator"]
    assert "pool has no kernel of its own" in report.refused["native"]
    assert "14 of " in report.refused["rtl"]
    assert "centring 'mean'" in report.refused["rtl"]
    assert report.tensors["rtl"] == report.tensors["pytorch"] - 14


def test_a_wrong_operator_is_named_with_a_case_to_repeat(monkeypatch: pytest.MonkeyPatch) -> None:
    def truncating(case: Case) -> np.ndarray:
        """Forgets the rounding half."""
        if case.operator != "round_shift":
            return case.expected()
        return np.asarray(case.arguments["x"]).astype(np.int64) >> case.arguments["shift"]

    only(monkeypatch, operator=truncating)
    report = verify.verify_operators(("relu", "round_shift", "pool"), seed=7)
    assert report.equal == {"pytorch": False}
    found = report.first_difference
    assert found is not None
    assert found.tensor == "round_shift: ties at shift 1"
    assert found.operator == "round_shift"
    assert found.expected - found.actual == 1
    assert found.reproduce == "hwsim verify --operator round_shift --seed 7"
    assert report.to_dict()["first_difference"] == found.to_dict()


def test_a_wrong_tensor_is_named_with_a_line_to_repeat(monkeypatch: pytest.MonkeyPatch) -> None:
    def one_off(made: Batch) -> Run:
        trace = {name: tensor.astype(np.int64) for name, tensor in made.expected.items()}
        trace["layers.1.k"][1, 7, 5] += 1
        trace["layers.1.q"][0, 7, 0] += 1  # a padded position of sentence 0, which does not count
        return Run(trace)

    only(monkeypatch, run=one_off)
    report = verify.verify_ticket(batch(), reproduce="hwsim verify x --tensor {tensor}")
    found = report.first_difference
    assert found is not None
    assert (found.tensor, found.index, found.elements) == ("layers.1.k", (1, 7, 5), 1)
    assert found.reproduce == "hwsim verify x --tensor layers.1.k"
    assert not report.ok


@pytest.mark.parametrize("error", [HwsimError("it broke"), ValueError("it broke")])
def test_an_implementation_that_fails_is_not_equal(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def failing(_: object) -> Run:
        raise error

    only(monkeypatch, run=failing)
    if not isinstance(error, HwsimError):
        with pytest.raises(ValueError, match="it broke"):
            verify.verify_ticket(batch())
        return
    report = verify.verify_ticket(batch())
    assert report.equal == {"pytorch": False}
    assert report.failed == {"pytorch": "it broke"}
    assert not report.ok


def test_missing_or_misshapen_tensors_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    made = batch()
    only(monkeypatch, run=lambda b: Run({k: v for k, v in b.expected.items() if k != "layers.0.q"}))
    assert "layers.0.q" in verify.verify_ticket(made).failed["pytorch"]
    only(monkeypatch, run=lambda b: Run(b.expected | {"logits": b.expected["logits"][:, :2]}))
    assert "logits" in verify.verify_ticket(made).failed["pytorch"]
    only(monkeypatch, operator=lambda case: case.expected()[..., :1])
    assert "shape" in verify.verify_operators(("pool",)).failed["pytorch"]


@pytest.mark.parametrize("error", [MissingToolError("no compiler"), UnsupportedError("too wide")])
def test_what_cannot_run_is_skipped_and_alone_is_no_success(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def absent(_: object) -> Run:
        raise error

    only(monkeypatch, run=absent, operator=absent)
    for report in (verify.verify_ticket(batch()), verify.verify_operators(("relu",))):
        assert report.equal == {}
        assert str(error) in report.skipped["pytorch"]
        assert not report.ok


def test_absent_package_is_named_with_its_install_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(implementations, "_installed", lambda package: package != "torch")
    report = verify.verify_ticket(batch(), ("pytorch", "onnxruntime"))
    assert report.equal == {"onnxruntime": True}
    assert report.skipped == {"pytorch": "needs torch: pip install 'hwsim[train]'"}


def test_unknown_implementation() -> None:
    with pytest.raises(HwsimError, match="no implementation 'cuda'"):
        verify.verify_operators(names=("cuda",))


def test_joined_reports() -> None:
    one = verify.Report(
        {"a": True, "b": True}, {"c": "absent"}, tensors={"a": 2, "b": 2}, integers_compared=5
    )
    two = verify.Report({"a": False, "d": True}, failed={"a": "broke"}, tensors={"a": 1, "d": 4})
    both = one.join(two)
    assert both.equal == {"a": False, "b": True, "d": True}
    assert (both.tensors_compared, both.integers_compared) == (9, 5)
    assert (both.skipped, both.failed) == ({"c": "absent"}, {"a": "broke"})


def test_directed_inputs() -> None:
    config = hwsim.ModelConfig.from_dict(SIZES)
    token_ids, mask = verify.make_inputs(config, 9, 0)
    assert mask.sum(axis=1)[:2].tolist() == [1, 8]
    assert len(set(token_ids[2])) == 1
    assert (~mask[3, :7]).any()
    assert mask.any(axis=1).all()
    for count in (1, 2, 9):
        few = verify.make_inputs(config, count, 0)
        assert few[0].shape == few[1].shape == (count, 8)
    np.testing.assert_array_equal(verify.make_inputs(config, 9, 0)[0], token_ids)
    assert (verify.make_inputs(config, 9, 1)[0] != token_ids).any()
    with pytest.raises(HwsimError, match="at least 1"):
        verify.make_inputs(config, 0)


def test_registry() -> None:
    assert [one.name for one in IMPLEMENTATIONS] == [
        *("onnxruntime", "onnxruntime_unoptimised", "onnxruntime_fast", "onnx_reference"),
        *("pytorch", "rtl", "accelerator", "native"),
    ]
    assert set(implementations.DEMO) < {one.name for one in IMPLEMENTATIONS}
    assert all(isinstance(one, Implementation) and one.missing() is None for one in IMPLEMENTATIONS)
