"""The whole model by the kernels: every named tensor, threads, fallbacks, and what `hwsim.backend` says."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys

import numpy as np
import pytest

import hwsim
from hwsim import backend, evaluate, native, tickets
from hwsim.compare import first_difference
from hwsim.errors import HwsimError, MissingToolError, UnsupportedError
from hwsim.native import layers
from hwsim.native.model import Plan, plan
from hwsim.tokens import Encoded

CONFIG = {"max_tokens": 64, "width": 32, "heads": 4, "layers": 2, "hidden": 40, "classes": 3}
VARIANTS = (
    {},
    {"inner_norms": True},
    {"inhibition": "unsigned", "centring": "mean"},
    {"centring": "none", "weights": "int4"},
    {"weights": "int8", "heads": 8, "embed_shift": 5},
    {"residual_bits": 8, "width": 16, "heads": 1},
    {"width": 128, "heads": 2, "hidden": 24},
)
every_kernel = pytest.mark.parametrize("name", native.NAMES)


def ticket(seed: int = 0, **changes: object) -> hwsim.Ticket:
    return hwsim.random_ticket(hwsim.ModelConfig(50, **{**CONFIG, **changes}), seed=seed)  # type: ignore[arg-type]


@every_kernel
@pytest.mark.parametrize("changes", VARIANTS, ids=str)
def test_every_named_tensor(name: str, changes: dict[str, object]) -> None:
    for seed in range(2):
        made = ticket(seed, **changes)
        ids, mask = hwsim.random_tokens(made.config, 7, seed=seed)
        mask[3] = np.arange(mask.shape[1]) % 3 == 1
        mask[4] = np.arange(mask.shape[1]) == 5
        expected = hwsim.forward(made, ids, mask, trace=True).trace
        got = plan(made).trace(name, ids, mask)
        assert list(got) == list(expected)
        assert {k: x.dtype for k, x in got.items()} == {k: x.dtype for k, x in expected.items()}
        assert first_difference(name, expected, got, mask) is None


@every_kernel
@pytest.mark.parametrize("shipped", tickets.shipped())
def test_shipped_tickets_at_every_length(name: str, shipped: str) -> None:
    made = hwsim.load_ticket(shipped)
    rng = np.random.default_rng(0)
    for n in (1, 2, 3, 7, 16, 31, 32, 33, 63, 64):
        ids = rng.integers(0, made.config.vocabulary, (3, n))
        with backend.using("numpy"):
            want = hwsim.forward(made, ids).logits
        with backend.using(name):
            np.testing.assert_array_equal(hwsim.forward(made, ids).logits, want)


def test_threads_and_batches_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    made = ticket()
    ids, mask = hwsim.random_tokens(made.config, 41)
    encoded = Encoded(ids, mask, [], 0)
    with backend.using("numpy"):
        want = evaluate.logits(made, encoded)
    for threads in ("1", "2", "5"):
        monkeypatch.setenv("HWSIM_THREADS", threads)
        np.testing.assert_array_equal(evaluate.logits(made, encoded), want)


def test_both_forms_of_the_linear_layers_are_used() -> None:
    dense, sparse = (
        np.where(np.random.default_rng(0).random((64, 64)) < density, 1, 0).astype(np.int8)
        for density in (0.9, 0.1)
    )
    assert not layers.pack(dense, np.zeros(64, np.int32)).sparse
    assert layers.pack(sparse, np.zeros(64, np.int32)).sparse
    assert not layers.pack(sparse * 2, np.zeros(64, np.int32)).sparse


def test_a_plan_is_made_once_and_its_ticket_stays_as_it_is() -> None:
    made = ticket()
    assert plan(made) is plan(made)
    with pytest.raises(ValueError, match="read-only"):
        made.layers[0].linears["q"].weight[0, 0] = 1
    other = ticket()
    assert plan(other) is not plan(made)


def test_a_norm_that_is_too_large_is_refused_in_the_words_of_numpy() -> None:
    made = hwsim.random_ticket(
        hwsim.ModelConfig(9, 512, 768, 12, 1, 8, 2, residual_bits=15, inner_norms=True)
    )
    for name, bias in (("q", 0), ("k", 0), ("v", 127)):
        # All keys are near and all values the largest: sums of 16 bits, and a norm of 768 times 2^15.
        made.layers[0].linears[name].weight[:] = 0
        made.layers[0].linears[name].bias[:] = bias << made.layers[0].linears[name].shift
    made = made.replace(layers=(dataclasses.replace(made.layers[0], inhibit_shift=0),))
    ids = np.zeros((1, 512), np.int32)
    said = {}
    for name in backend.available():
        with backend.using(name), pytest.raises(HwsimError) as refused:
            hwsim.forward(made, ids)
        said[name] = str(refused.value)
    assert len(set(said.values())) == 1
    with pytest.raises(UnsupportedError, match="2\\^24"):
        plan(made).trace(native.NAMES[0], ids, np.ones(ids.shape, bool))


def test_a_layer_beyond_32_bits_is_left_to_numpy() -> None:
    made = ticket()
    wide = made.replace(classify_bias=np.full_like(made.classify_bias, (1 << 31) - 5000))
    with pytest.raises(UnsupportedError, match="32 bits"):
        Plan(wide)
    ids = np.zeros((1, 3), np.int32)
    with backend.using("numpy"):
        want = hwsim.forward(wide, ids).logits
    np.testing.assert_array_equal(hwsim.forward(wide, ids).logits, want)


def test_the_head_of_the_public_interface_in_every_backend() -> None:
    rng = np.random.default_rng(0)
    q, k, v = (rng.integers(-127, 128, (2, 3, 9, 8)).astype(np.int8) for _ in "qkv")
    mask, delta = np.ones((2, 9), bool), np.array([0, 3, 40])
    results = []
    for name in backend.available():
        with backend.using(name):
            results.append(
                hwsim.inhibitor_head(q, k, v, mask, delta, score_shift=2, inhibit_shift=1, bits=20)
            )
            results.append(
                hwsim.inhibitor_head(q, k, v, mask, delta, score_shift=2, inhibit_shift=1, bits=16)
            )
    for score, out in results:
        np.testing.assert_array_equal(score, results[0][0])
        np.testing.assert_array_equal(out, results[0][1])


def test_the_backend_is_chosen_by_call_and_by_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert hwsim.backend.current() == backend.available()[0] == native.fastest()
    monkeypatch.setenv("HWSIM_BACKEND", "numpy")
    assert backend.current() == "numpy"
    backend.use("portable")
    assert backend.current() == "portable"
    backend.use(None)
    assert backend.current() == "numpy"
    monkeypatch.setenv("HWSIM_BACKEND", "avx1024")
    with pytest.raises(
        HwsimError, match=r"HWSIM_BACKEND: backend 'avx1024' does not run here; choose one of"
    ):
        backend.current()
    monkeypatch.setenv("HWSIM_THREADS", "none")
    with pytest.raises(HwsimError, match="HWSIM_THREADS is 'none'"):
        backend.threads()


def test_without_the_extension_numpy_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        "import sys; sys.modules['hwsim.native._kernels'] = None\n"
        "import json, hwsim, numpy as np\n"
        "ticket = hwsim.load_ticket('sst2-tiny')\n"
        "ids = np.arange(40).reshape(2, 20)\n"
        "print(json.dumps([hwsim.backend.current(), hwsim.forward(ticket, ids).logits.tolist()]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    made = hwsim.load_ticket("sst2-tiny")
    want = hwsim.forward(made, np.arange(40).reshape(2, 20)).logits.tolist()
    assert json.loads(done.stdout) == ["numpy", want]
    environment = {**os.environ, "HWSIM_BACKEND": "avx2"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert "not built: reinstall hwsim with a C compiler" in done.stderr
    monkeypatch.setattr(native, "_built", None)
    with pytest.raises(MissingToolError, match="C compiler"):
        native.kernels()
