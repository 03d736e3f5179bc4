"""The operators in Verilog against NumPy, in bulk: a C++ loop around the verilated modules.

Every case of `hwsim.cases` under random stalls; every input where the space is small; the published sizes;
the cycles that each module promises.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwsim import digits, ops, sizes
from hwsim.cases import Case, cases
from hwsim.errors import UnsupportedError
from hwsim.rtl.operators import OperatorRun, simulate_operator

INT8 = np.arange(-127, 128).astype(np.int8)


def check(operator: str, arguments: dict, **options) -> OperatorRun:
    """Run on the Verilog and compare everything with NumPy."""
    case = Case(operator, "test", arguments)
    run, expected = simulate_operator(case, **options), case.expected()
    assert run.result.dtype == expected.dtype
    np.testing.assert_array_equal(run.result, expected)
    return run


@pytest.mark.parametrize("operator", ops.OPERATORS)
def test_all_cases_under_stalls(operator: str) -> None:
    for number, case in enumerate(cases(operator, 5)):
        if case.arguments.get("centring") == "mean":
            with pytest.raises(UnsupportedError, match="manhattan_score refuses centring 'mean'"):
                simulate_operator(case)
        else:
            check(case.operator, case.arguments, stalls=number + 1)


# ---- Every input.


def test_every_16_bit_number_at_every_shift() -> None:
    x = np.arange(-(1 << 15), 1 << 15)
    shifts = np.arange(32)[:, None]
    check("round_shift", {"x": x, "shift": shifts})
    check("requantize", {"acc": x, "shift": shifts, "bits": 8})


def test_the_ties_of_every_shift_up_to_the_full_width() -> None:
    shifts = np.arange(32)[:, None]
    half = (np.int64(1) << shifts) >> 1
    near = np.array([-3, -2, -1, 0, 1, 2]) * (np.int64(1) << shifts) + half
    x = np.clip(np.concatenate([near - 1, near, near + 1], axis=1), -(1 << 31) + 1, (1 << 31) - 1)
    check("round_shift", {"x": x, "shift": shifts})
    check("requantize", {"acc": x, "shift": shifts, "bits": 16})


@pytest.mark.parametrize("bits", [8, 16])
def test_saturation_of_every_17_bit_number(bits: int) -> None:
    check("saturate", {"x": np.arange(-(1 << 16), 1 << 16), "bits": bits})


@pytest.mark.parametrize("bits", [12, 16])
def test_every_embedding_sum_at_every_shift(bits: int) -> None:
    for shift in range(8):
        check("embed", {"token": INT8[:, None], "position": INT8, "shift": shift, "bits": bits})


def test_residual_adds_around_both_limits() -> None:
    x = np.array([-32767, -32766, -1, 0, 1, 32766, 32767])[:, None]
    for shift in (0, 1, 8, 23, 31):
        acc = np.concatenate([np.arange(-70_000, 70_001, 7), [-(1 << 23) + 1, (1 << 23) - 1]])
        check("residual_add", {"x": x, "acc": acc, "shift": shift, "bits": 16})


def test_every_product() -> None:
    zero = np.zeros(255, np.int32)
    check("linear", {"x": INT8[:, None], "weight": INT8[:, None], "bias": zero}, lanes=16)
    check("classify", {"x": INT8[:, None], "weight": INT8[:, None], "bias": zero}, lanes=16)


def test_every_distance() -> None:
    # All pairs (q, k), 128 of each at a time; the second delta shows the distances that the clamp hides.
    halves = np.append(INT8, np.int8(0)).reshape(2, 1, 128, 1)
    pairs = {
        "q": halves[[0, 0, 1, 1]],
        "k": halves[[0, 1, 0, 1]],
        "mask": np.ones((4, 128), bool),
        "shift": 0,
    }
    for centring in ("none", "min"):
        for delta in (0, 127):
            check("manhattan_score", pairs | {"delta": np.array([delta]), "centring": centring}, lanes=16)


@pytest.mark.parametrize("signed", [True, False])
def test_every_soft_threshold(signed: bool) -> None:
    # Only key 0 has values: all of int8, one a feature. Query i has the score i.
    v, score = np.zeros((128, 255), np.int8), np.zeros((128, 128), np.int8)
    v[0], score[:, 0] = INT8, np.arange(128)
    check("inhibit", {"v": v, "score": score, "shift": 0, "signed": signed, "bits": 8}, lanes=16)


def test_every_16_bit_norm() -> None:
    # Each norm 0..32767 once, by one element of either sign; the others are 0.
    norms = np.arange(1 << 15)
    x = np.zeros((1 << 15, 16), np.int16)
    x[norms, norms % 16] = np.where(norms % 2, norms, -norms)
    check("manhattan_norm", {"x": x}, lanes=16)


def test_norms_of_24_bits() -> None:
    powers = np.array([(1 << e) + d for e in range(4, 23) for d in (-1, 0, 1)])
    eighths = np.array([(m << 19) + d for m in range(8, 16) for d in (-1, 0, 1)])
    for width in sizes.RTL_WIDTHS:
        x = np.zeros((len(powers) + len(eighths), width), np.int32)
        x[:, 1] = np.append(powers, eighths)
        check("manhattan_norm", {"x": x})
        full = np.full((1, width), (1 << 24) // width - 1, np.int32) * np.where(np.arange(width) % 2, 1, -1)
        check("manhattan_norm", {"x": np.clip(full, -(1 << 23) + 1, (1 << 23) - 1)})


# ---- Published sizes. Lanes go with sizes of the other lists, so that each value of each list is built.


def integers(limit: int, *shape: int) -> np.ndarray:
    """Random numbers up to a magnitude; the same ones for the same arguments."""
    return np.random.default_rng(shape).integers(-limit, limit + 1, shape)


def int8(*shape: int) -> np.ndarray:
    return integers(127, *shape).astype(np.int8)


@pytest.mark.parametrize(
    ("lanes", "width"), [*zip(sizes.LANES, (*sizes.RTL_WIDTHS, sizes.RTL_WIDTHS[0]), strict=True)]
)
def test_sizes_of_the_norm(lanes: int, width: int) -> None:
    x = integers(32767, 2, lanes, width).astype(np.int16)
    run = check("manhattan_norm", {"x": x}, lanes=lanes, smallest=True)
    # The second frame waits until the first has left.
    assert run.cycles == 2 * (2 * width + 26)


@pytest.mark.parametrize(
    ("lanes", "width", "keys"),
    [*zip(sizes.LANES, (*sizes.HEAD_WIDTHS, 64), (*sizes.RTL_MAX_TOKENS, 8), strict=True)],
)
def test_sizes_of_score_and_inhibition(lanes: int, width: int, keys: int) -> None:
    q, k, v = int8(3, 1, 1, keys, width)
    score_of = {"mask": np.ones((1, keys), bool), "shift": 2, "delta": np.array([5]), "centring": "min"}
    tiles = -(-keys // lanes)
    run = check("manhattan_score", {"q": q, "k": k} | score_of, lanes=lanes, smallest=True)
    assert run.cycles == tiles * (width + keys * width + keys + 4)
    score = ops.manhattan_score(q, k, **score_of)
    run = check("inhibit", {"v": v, "score": score, "shift": 3}, lanes=lanes, smallest=True)
    assert run.cycles == tiles * (keys + width * keys) + 3


@pytest.mark.parametrize("lanes", sizes.LANES)
@pytest.mark.parametrize("inputs", [128, 200])
def test_sizes_of_the_row_engine(lanes: int, inputs: int) -> None:
    weight = np.where(integers(9, 20, inputs) > 5, int8(20, inputs), 0)
    arguments = {"x": int8(2, lanes, inputs), "weight": weight, "bias": np.arange(20, dtype=np.int32)}
    run = check("linear", arguments, lanes=lanes, smallest=True)
    entries = digits.encode(weight).entries
    # One clock an entry, and the next frame's inputs follow at once.
    assert run.cycles == 2 * (inputs + len(entries)) + 3


@pytest.mark.parametrize("lanes", sizes.LANES)
def test_sizes_of_pooling(lanes: int) -> None:
    for tokens in (1, 3, 128):
        mask = np.arange(tokens) < np.array([[1], [2], [3], [tokens], [tokens // 2]]).clip(1, tokens)
        run = check("pool", {"x": int8(5, tokens, 16), "mask": mask}, lanes=lanes)
        together = min(lanes, 128 // tokens)
        assert run.cycles == -(-5 // together) * together * tokens * 16 + 1


@pytest.mark.parametrize(
    ("operator", "arguments", "message"),
    [
        ("saturate", {"x": INT8, "bits": 2}, r"2 bits; use 3\.\.31"),
        ("embed", {"token": INT8, "position": INT8, "shift": 0, "bits": 7}, "7 bits"),
        ("manhattan_norm", {"x": int8(2, 24)}, r"rows of 24; use one of \(16, 32"),
        ("linear", {"x": int8(1, 5000), "weight": int8(1, 5000), "bias": np.zeros(1, int)}, "5000 inputs"),
        (
            "linear",
            {"x": np.array([[127]]), "weight": np.array([[1]]), "bias": np.array([1 << 23])},
            r"sums up to 8388735; its accumulators hold \+-8388607",
        ),
        (
            "manhattan_score",
            {
                "q": int8(1, 1, 129, 4),
                "k": int8(1, 1, 129, 4),
                "mask": np.ones((1, 129), bool),
                "shift": 0,
                "delta": np.zeros(1, int),
            },
            "129 tokens; use at most 128",
        ),
        ("inhibit", {"v": int8(129, 4), "score": np.zeros((129, 129), int), "shift": 0}, "129 tokens"),
        ("pool", {"x": int8(129, 4), "mask": np.ones(129, bool)}, "129 tokens"),
    ],
)
def test_refuses_what_the_verilog_does_not_take(operator: str, arguments: dict, message: str) -> None:
    with pytest.raises(UnsupportedError, match=f"the Verilog {operator} refuses .*{message}"):
        simulate_operator(Case(operator, "test", arguments))


def test_refuses_other_lanes() -> None:
    with pytest.raises(UnsupportedError, match="lanes is 3; choose one of"):
        simulate_operator(cases("pool")[0], lanes=3)


def test_writes_a_waveform(tmp_path: Path) -> None:
    waves = tmp_path / "pool.vcd"
    check("pool", {"x": int8(3, 4), "mask": np.ones(3, bool)}, lanes=1, waves=waves)
    assert " m_axis_tdata [15:0] $end" in waves.read_text()


def test_the_example_of_the_documentation() -> None:
    text = (Path(__file__).parents[2] / "docs" / "rtl.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names: dict[str, Any] = {}
    exec(example, names)
    np.testing.assert_array_equal(names["run"].result, ops.manhattan_norm(names["x"]))
