"""Fast Inhibitor attention against its broadcast definition: values, gradients, memory.

The tests run on the chunked CPU form. One of them runs this file again in a process where Triton interprets
its kernels and every call goes to them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import torch
from interpreted import interpreted
from torch import Tensor

from hwsim.errors import ConfigError
from hwsim.models import kernels, ops
from hwsim.models.kernels import on_cpu, reference

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
SEVERAL = (17, 5, 1)
"""n, dh, heads; several tiles of queries and of keys, or several chunks."""
SIZES = [(5, 16, 1), SEVERAL] if INTERPRETED else [(1, 4, 2), (5, 16, 1), SEVERAL, (2, 64, 1)]
FEWER = [SEVERAL] if INTERPRETED else SIZES


@pytest.fixture(autouse=True)
def many_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut the CPU form into many chunks."""
    monkeypatch.setattr(on_cpu, "CHUNK", 300)


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles of 16 x 16, so that 17 tokens need several."""
    if INTERPRETED:
        from hwsim.models.kernels import on_gpu, tiles

        small = {name: (tiles.Tile(16, 16, 1),) for name in tiles.TILES}
        monkeypatch.setattr(tiles, "TILES", small)
        monkeypatch.setattr(on_gpu, "TILES", small)


def inputs(n: int, features: int, heads: int, whole: bool, seed: int = 0) -> dict[str, Tensor]:
    """Two sequences, the second padded; float64."""
    draw = torch.Generator().manual_seed(seed)
    shape = (2, heads, n, features)
    if whole:
        # Narrow ranges, so that ties of every kind occur: q = k, |v| = z', equal nearest keys.
        found = {name: torch.randint(-9, 10, shape, generator=draw).double() for name in "qkv"}
        found |= {
            "scale_or_shift": torch.tensor(features.bit_length() - 1.0),
            "delta": torch.arange(heads) + 1.0,
        }
        found["v"][..., 0] *= 14
    else:
        found = {name: torch.randn(shape, generator=draw).double() for name in "qkv"}
        found["scale_or_shift"] = 0.1 + 0.05 * torch.arange(heads)[:, None, None].double()
        found["delta"] = 0.1 * torch.arange(heads)
    found["delta"] = found["delta"].double()
    found["mask"] = torch.arange(n) < torch.tensor([[n], [max(1, n - 3)]])
    return found


def call(function, arguments: dict[str, Tensor], kind: torch.dtype, **flags) -> dict[str, Tensor]:
    """The result and all gradients, as float64, for a gradient of H that depends on the shape alone."""
    taken = {name: x.detach().clone().to(kind) if name != "mask" else x for name, x in arguments.items()}
    for name, x in taken.items():
        x.requires_grad_(name != "mask")
    out = function(**taken, **flags)
    weight = torch.randn(out.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    out.backward((8 * weight).round().to(kind))
    found = {name: x.grad.double() for name, x in taken.items() if x.grad is not None}
    assert set(found) == set(taken) - {"mask"}
    return found | {"H": out.detach().double()}


@pytest.mark.parametrize("n, features, heads", SIZES)
@pytest.mark.parametrize("centring", ["min", "mean", "none"])
@pytest.mark.parametrize("signed", [True, False])
def test_integers_and_their_gradients_are_exact(n, features, heads, centring, signed, small_tiles):
    arguments = inputs(n, features, heads, whole=True)
    flags = {"centring": centring, "signed": signed, "whole": True}
    found = call(kernels.inhibitor_attention, arguments, torch.float32, **flags)
    expected = call(reference.inhibitor_attention, arguments, torch.float64, **flags)
    assert torch.equal(found["H"], expected["H"])
    assert expected["H"].any()
    for name, x in expected.items():
        torch.testing.assert_close(found[name], x, rtol=1e-5, atol=1e-4, msg=lambda m, k=name: f"{k}: {m}")


@pytest.mark.parametrize("n, features, heads", FEWER)
@pytest.mark.parametrize("centring", ["min", "mean", "none"])
@pytest.mark.parametrize("signed", [True, False])
def test_floats_and_their_gradients(n, features, heads, centring, signed, small_tiles):
    arguments = inputs(n, features, heads, whole=False)
    flags = {"centring": centring, "signed": signed, "whole": False}
    kind = torch.float32 if INTERPRETED else torch.float64
    found = call(kernels.inhibitor_attention, arguments, kind, **flags)
    expected = call(reference.inhibitor_attention, arguments, torch.float64, **flags)
    tolerance = {"rtol": 1e-4, "atol": 1e-3} if INTERPRETED else {"rtol": 1e-9, "atol": 1e-9}
    for name, x in expected.items():
        torch.testing.assert_close(found[name], x, **tolerance, msg=lambda m, k=name: f"{k}: {m}")


@pytest.mark.parametrize("shift", [5] if INTERPRETED else [0, 1, 5])
def test_every_shift_rounds_like_the_operators(shift):
    arguments = inputs(9, 4, 1, whole=True) | {"scale_or_shift": torch.tensor(float(shift))}

    def composed(q, k, v, mask, scale_or_shift, delta):
        return ops.inhibit_sum(v, ops.manhattan_score(q, k, mask, scale_or_shift, delta))

    found = call(kernels.inhibitor_attention, arguments, torch.float32)
    for name, x in call(composed, arguments, torch.float32).items():
        torch.testing.assert_close(found[name], x, rtol=1e-5, atol=1e-4, msg=lambda m, k=name: f"{k}: {m}")


def test_runs_of_their_own_shift_and_delta_stack():
    # Shifts [runs, 1, 1, 1, 1] and deltas [runs, 1, heads], as stacked models pass them.
    one, two = inputs(4, 4, 2, True, seed=3), inputs(4, 4, 2, True, seed=4)
    two |= {"scale_or_shift": torch.tensor(1.0), "delta": two["delta"] + 3}
    both = {name: torch.stack([one[name], two[name]]) for name in one}
    both["scale_or_shift"] = both["scale_or_shift"].view(2, 1, 1, 1, 1)
    both["delta"] = both["delta"][:, None]
    found = call(kernels.inhibitor_attention, both, torch.float32)
    for i, alone in enumerate((one, two)):
        assert torch.equal(found["H"][i], call(kernels.inhibitor_attention, alone, torch.float32)["H"])


@pytest.mark.parametrize("n, features, heads", SIZES)
@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("signed", [True, False])
def test_the_two_halves(n, features, heads, whole, signed, small_tiles):
    arguments = inputs(n, features, heads, whole)
    pair = {name: arguments[name] for name in "qk"}
    exact = whole or not INTERPRETED
    tolerance = {"rtol": 1e-9, "atol": 1e-9} if exact else {"rtol": 1e-4, "atol": 1e-4}
    kind = torch.float32 if INTERPRETED else torch.float64
    found = call(kernels.manhattan_distance, pair, kind, whole=whole)
    expected = call(reference.manhattan_distance, pair, torch.float64)
    for name, x in expected.items():
        torch.testing.assert_close(found[name], x, **tolerance, msg=lambda m, k=name: f"{k}: {m}")
    pair = {"v": arguments["v"], "score": expected["H"] / 4 if not whole else (expected["H"] / 16).floor()}
    found = call(kernels.inhibit_sum, pair, kind, signed=signed)
    for name, x in call(reference.inhibit_sum, pair, torch.float64, signed=signed).items():
        torch.testing.assert_close(found[name], x, **tolerance, msg=lambda m, k=name: f"{k}: {m}")


def test_nothing_of_n_by_n_is_kept_for_the_backward_pass():
    n, features = 40, 4
    kept: list[Tensor] = []

    def pack(x: Tensor) -> Tensor:
        kept.append(x)
        return x

    arguments = inputs(n, features, 1, whole=True)
    taken = {name: x.float() if name != "mask" else x for name, x in arguments.items()}
    taken["q"].requires_grad_()
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        kernels.inhibitor_attention(**taken).sum().backward()
    assert kept
    padded = 128
    assert max(x.untyped_storage().nbytes() // x.element_size() for x in kept) <= 2 * padded * features
    assert 2 * padded * features < 2 * n * n


def test_the_tiles_of_the_table_agree_too():
    arguments = inputs(33, 4, 1, whole=True)
    found = call(kernels.inhibitor_attention, arguments, torch.float32)
    for name, x in call(reference.inhibitor_attention, arguments, torch.float64).items():
        torch.testing.assert_close(found[name], x, rtol=1e-5, atol=1e-4, msg=lambda m, k=name: f"{k}: {m}")


def test_a_repeated_run_gives_the_same_bits():
    arguments = inputs(5, 8, 2, whole=False)
    first, second = (call(kernels.inhibitor_attention, arguments, torch.float32, whole=False) for _ in "12")
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("change", [{"centring": "median"}, {"mask": torch.ones(2, 3)}, {"k": torch.ones(2)}])
def test_arguments_that_do_not_fit_are_refused(change):
    with pytest.raises(ConfigError, match=r"centring|shape"):
        kernels.inhibitor_attention(**inputs(4, 4, 1, whole=True) | change)


if not INTERPRETED:

    @pytest.mark.parametrize("items, n, features", [(1, 1, 1), (7, 5, 3), (2, 50, 64), (900, 3, 4)])
    def test_chunks_cover_all_and_stay_small(items, n, features):
        met = torch.zeros(items, n)
        for heads, queries in on_cpu.chunks(items, n, features):
            met[heads, queries] += 1
            assert met[heads, queries].numel() * n * features <= max(on_cpu.CHUNK, n * features)
        assert (met == 1).all()

    def test_the_triton_kernels_pass_these_tests_interpreted():
        run = interpreted(__file__)
        assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-1000:]

    def test_the_benchmark_runs_on_small_sizes(tmp_path):
        out = tmp_path / "bench.json"
        command = [sys.executable, "-m", "hwsim.models.kernels.bench", "--quick", "--out", str(out)]
        environment = os.environ | {"TRITON_INTERPRET": "1"}
        run = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr[-2000:]
        record = json.loads(out.read_text())
        assert record["errors"]["integer.H"] == 0
        methods = {row["method"] for row in record["rows"]}
        assert {"fused, integers", "cdist", "torch.compile", "dot product, bf16", "floor"} <= methods
        assert "| 4 | 2 | fused, integers |" in run.stdout
