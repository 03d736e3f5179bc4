"""Bugs planted in copies of the Verilog: the comparison must see each one and name the operator."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import hwsim
from hwsim.rtl import bench, modules, sources
from hwsim.verify import make_inputs, prepare, verify_operators, verify_ticket

BUGS = [
    ("round_shift", "round_shift", "shifted[0]}", "1'b0}", "no rounding"),
    ("requantize", "round_shift", "{x_i, 1'b0}", "{x_i, 1'b1}", "unshifted numbers rounded"),
    ("saturate", "saturate", "{!negative}}, 1'b1}", "{!negative}}, 1'b0}", "limits one too low"),
    ("requantize", "saturate", "fits = high ==", "fits = 1'b1 || high ==", "wraps instead of saturating"),
    ("relu", "relu", "!x_i[Width-1]", "x_i[Width-1]", "the wrong sign kept"),
    ("embed", "embed", "sum <<< shift_i", "sum <<< 3'd7 - shift_i", "the shift backwards"),
    ("residual_add", "residual_add", "{rounded[AccWidth-1], ", "{1'b0, ", "no sign extension"),
    ("linear", "linear", "{1'b0}}, !skip}", "{1'b0}}, 1'b1}", "one input too far after a skip"),
    ("linear", "linear", "(read_sign_q && ", "(!read_sign_q && ", "the wrong sign"),
    ("linear", "linear", "double ? {Index", "1'b0 ? {Index", "the index not restarted for a lower plane"),
    ("classify", "linear", "read_double_q ?", "1'b0 ?", "digits of all planes worth one"),
    ("classify", "linear", "sum_q + sum_bias_q", "sum_q - sum_bias_q", "the bias subtracted"),
    ("manhattan_norm", "manhattan_norm_lane", "3'd5: reciprocal = 3'd2", "3'd5: reciprocal = 3'd1", "table"),
    ("manhattan_norm", "manhattan_norm", "(Steps - {1'b0", "(Steps - 5'd1 - {1'b0", "a shift one too small"),
    ("manhattan_norm", "manhattan_norm_lane", "if (shift_q != 5'd0) ", "", "a shift below 0"),
    ("manhattan_score", "manhattan_score_lane", "subtract_i(q_", "subtract_i(!q_", "minus the distance"),
    (
        "manhattan_score",
        "manhattan_score",
        "row_valid_q && row_real_q",
        "row_valid_q",
        "padding in the minimum",
    ),
    ("manhattan_score", "score_clamp", "real_i ? 7'd127", "real_i ? 7'd126", "padding that leaks one"),
    ("manhattan_score", "manhattan_score_lane", "clear_i)", "1'b0)", "the minimum of the last frame"),
    ("inhibit", "inhibit", "subtract_i(negative_q)", "subtract_i(1'b0)", "magnitudes added"),
    ("inhibit", "inhibit", "{7{!above[7]}}", "7'd127", "no rectifier"),
    ("pool", "pool", "token_q == 7'd0", "token_q == 7'd1", "the first token forgotten"),
]


@pytest.fixture
def fresh_simulations() -> Iterator[None]:
    """No simulation of the real Verilog is taken for one of the copies, nor the other way round."""
    bench._shared.cache_clear()
    yield
    bench._shared.cache_clear()


def plant(module: str, text: str, bug: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the operators simulated with a copy of a module in which `text` reads `bug`."""
    good = modules()[module].read_text()
    assert good.count(text) == 1
    copy = folder / f"{module}.v"
    copy.write_text(good.replace(text, bug))
    monkeypatch.setattr(
        bench, "sources", lambda name: [copy if path.stem == module else path for path in sources(name)]
    )


@pytest.mark.parametrize(
    ("operator", "module", "text", "bug"),
    [pytest.param(*bug[:4], id=f"{bug[0]}: {bug[4]}") for bug in BUGS],
)
def test_a_planted_bug_is_seen_and_named(
    operator: str,
    module: str,
    text: str,
    bug: str,
    fresh_simulations: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plant(module, text, bug, tmp_path, monkeypatch)
    report = verify_operators([operator], names=["rtl"])
    assert not report.failed
    assert report.equal == {"rtl": False}
    assert report.first_difference is not None
    assert report.first_difference.operator == operator
    assert str(report.first_difference).startswith(f"rtl: first difference in {operator}: ")


@pytest.mark.parametrize(
    ("module", "text", "bug", "tensor"),
    [
        ("relu", "!x_i[Width-1]", "x_i[Width-1]", "layers.0.ffn_hidden"),
        ("embed", "sum <<< shift_i", "sum <<< 3'd7 - shift_i", "embed"),
        ("linear", "(read_sign_q && ", "(!read_sign_q && ", "layers.0.q"),
    ],
)
def test_a_planted_bug_is_seen_in_the_named_tensor(
    module: str,
    text: str,
    bug: str,
    tensor: str,
    fresh_simulations: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plant(module, text, bug, tmp_path, monkeypatch)
    config = hwsim.ModelConfig(
        vocabulary=20, max_tokens=8, width=16, heads=2, layers=1, hidden=16, classes=2, embed_shift=2
    )
    report = verify_ticket(prepare(hwsim.random_ticket(config), make_inputs(config, 2)), ["rtl"])
    assert report.equal == {"rtl": False}
    assert report.first_difference is not None
    assert report.first_difference.tensor == tensor


def test_without_a_bug_all_is_equal(fresh_simulations: None) -> None:
    report = verify_operators(["linear", "inhibit"], names=["rtl"])
    assert report.equal == {"rtl": True}
    assert report.tensors["rtl"] > 20
