"""The benchmark: every peer really computes attention, times become ratios, and what is not there is said."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

import hwsim
from hwsim import native
from hwsim.errors import HwsimError
from hwsim.models.bench import graphs, heads, machine, timing, whole
from hwsim.models.bench.timing import OURS, Effort


def softmax_attention(q: np.ndarray, k: np.ndarray, v: np.ndarray, scale: float) -> np.ndarray:
    scores = q.astype(float) @ k.T.astype(float) * scale
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return weights @ v / weights.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("size", [(5, 16), (64, 32), (33, 64)])
def test_the_float_peers_attend(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    q, k, v = ((rng.integers(-127, 128, size) / 30).astype(np.float32) for _ in "qkv")
    want = softmax_attention(q, k, v, size[1] ** -0.5)
    np.testing.assert_allclose(heads.in_numpy(q, k, v), want, atol=1e-4)
    (got,) = graphs.run(graphs.float_head(*size), {"q": q, "k": k, "v": v})()
    np.testing.assert_allclose(got, want, atol=1e-4)
    calls = heads.contenders(*size, native.fastest())
    for name, tolerance in (("torch_sdpa_float32", 1e-4), ("torch_sdpa_bfloat16", 0.1)):
        np.testing.assert_allclose(calls[name]().float().numpy()[0, 0], want, atol=tolerance)


@pytest.mark.parametrize("size", [(5, 16), (64, 32), (33, 64), (130, 64)])
def test_the_integer_peers_attend(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    q, k, v = (rng.integers(-127, 128, size).astype(np.int8) for _ in "qkv")
    want = softmax_attention(q, k, v, size[1] ** -0.5 / 900)
    given = {name: x.view(np.uint8) ^ 128 for name, x in zip("qkv", (q, k, v), strict=True)}
    (got,) = graphs.run(graphs.integer_head(*size), given)()
    # Weights have 8 or 7 bits, so errors grow with the keys.
    assert np.abs(got - want).max() < 6
    call = heads.opponent(q, k, v)
    call()
    assert np.abs(call.args[3] - want).max() < 9
    with pytest.raises(ValueError, match="dh's last bit"):
        native.kernels().dot_product(q[:, :3].copy(), k, v, k, 1, size[0], 3, 1.0)


def test_ours_is_the_head_of_the_operators() -> None:
    rng = np.random.default_rng(2)
    q, k, v = (rng.integers(-127, 128, (20, 16)).astype(np.int8) for _ in "qkv")
    call = heads.inhibitor(q, k, v, native.fastest())
    call()
    mask, delta = np.ones((1, 20), bool), np.zeros(1, int)
    _, want = hwsim.inhibitor_head(
        *(x[None, None] for x in (q, k, v)), mask, delta, score_shift=2, inhibit_shift=5
    )
    np.testing.assert_array_equal(call.args[7], want[0, 0])


def test_the_twin_reads_tokens_and_positions_in_float_and_quantised() -> None:
    config = hwsim.ModelConfig(20, max_tokens=8, width=16, heads=2, layers=2, hidden=24, classes=3)
    made = graphs.twin(config)
    ids = np.array([[1, 2, 3, 4, 5]])
    want = graphs.run(made, {"token_ids": ids})()[0]
    assert want.shape == (1, 3)
    assert np.abs(graphs.run(made, {"token_ids": ids[:, ::-1]})()[0] - want).max() > 1e-3
    for unsigned in (False, True):
        small = graphs.quantised(made, unsigned)
        got = graphs.run(small, {"token_ids": ids})()[0]
        assert 0 < np.abs(got - want).max() < 1


def test_ratios_are_a_peers_time_by_ours() -> None:
    calls = {OURS: lambda: sum(range(100)), "slow": lambda: sum(range(4000))}
    row = timing.compare(calls, Effort(5, 0.001))
    assert row["ratio_to_slow"] > 5
    assert set(row["microseconds"]) == {OURS, "slow"}
    assert timing.summary([3.0, 1.0, 2.0]) == {"median": 2.0, "q1": 1.5, "q3": 2.5, "best": 1.0}
    assert timing.summary([3.0]) == {"median": 3.0, "q1": 3.0, "q3": 3.0, "best": 3.0}


def test_the_ceiling_lies_above_the_kernels() -> None:
    ceiling = heads.ceilings(Effort(3, 0.002), rounds=2000)
    assert all(rate > 1e9 for rate in ceiling.values())
    row = {"n": 100, "head_width": 10, "microseconds": {OURS: {"best": 40.0}}}
    assert heads.share_of_ceiling(row, {"score": 1e10, "inhibit": 1e10}) == pytest.approx(0.5)


def test_energy_is_measured_where_there_are_counters_only(tmp_path: Path) -> None:
    assert "not measured" in machine.energy({}, 0.0, tmp_path)["missing"]
    counter = tmp_path / "intel-rapl:0"
    counter.mkdir()
    (counter / "energy_uj").write_text("900")
    (counter / "max_energy_range_uj").write_text("1000")

    def burn() -> None:
        (counter / "energy_uj").write_text("400")

    assert machine.energy({"burn": burn}, 1e-9, tmp_path) == {"joules": {"burn": pytest.approx(500e-6)}}


def test_the_processor_is_named(tmp_path: Path) -> None:
    info = tmp_path / "cpuinfo"
    info.write_text("model name\t: Some CPU\ncpu MHz\t\t: 2445.4\nflags\t\t: fpu avx2 avx512_vnni sse\n")
    found = machine.processor(info)
    assert found == {"name": "Some CPU", "features": ["avx2", "avx512_vnni"], "megahertz": 2445.4}
    said = machine.words({**machine.about("avx2"), "processor": found})
    assert said.startswith(
        "Some CPU (avx2, avx512_vnni, 2445 MHz as the system reports), kernels avx2, 1 thread of "
    )
    assert f"numpy {np.__version__}" in said
    absent = machine.processor(tmp_path / "absent")
    assert (absent["features"], absent["megahertz"]) == ([], None)
    assert "MHz" not in machine.words({**machine.about("avx2"), "processor": absent})


def test_a_data_set_that_is_not_there_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HWSIM_DATA", raising=False)
    found = whole.data_set(hwsim.load_ticket("sst2-tiny"), "sst2", "dev", native.fastest())
    assert "HWSIM_DATA" in found["missing"]


def test_a_data_set_is_timed_and_a_folder_without_it_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HWSIM_DATA", str(tmp_path))
    arguments = hwsim.load_ticket("sst2-tiny"), "sst2", "dev", native.fastest()
    with pytest.raises(HwsimError, match="sst2-glue"):
        whole.data_set(*arguments)
    (tmp_path / "sst2-glue").mkdir()
    with gzip.open(tmp_path / "sst2-glue" / "dev.tsv.gz", "wt") as file:
        file.write("sentence\tlabel\na warm and funny film \t1\nlong and dull \t0\n")
    found = whole.data_set(*arguments)
    assert (found["n"], found["accuracy"]) == (2, 1.0)
    assert min(found[f"{which}_seconds"] for which in (native.fastest(), "numpy", "tokens")) > 0
