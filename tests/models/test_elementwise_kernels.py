"""The kernels of all that is elementwise, against golden operators, eager gradients and definitions.

One test runs this file again where Triton interprets its kernels; operators give them no float64.
"""

from __future__ import annotations

import os
from typing import cast

import numpy as np
import pytest
import torch
from interpreted import interpreted
from torch import Tensor

import hwsim.ops as golden
from hwsim.models import layers, ops
from hwsim.models.distill import whole
from hwsim.models.distill.transplant import Basis
from hwsim.models.stacked import layers as stacked_layers
from hwsim.models.stacked import noise
from hwsim.models.stacked.layers import StackedLinear, pile

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
RUNS = 3


def gradients(function, *arguments: Tensor) -> list[Tensor]:
    """The result, and a gradient for each argument, for some gradient of the result."""
    taken = [x.detach().clone().requires_grad_() for x in arguments]
    out = function(*taken)
    weight = torch.randn(out.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    out.backward(weight.to(out.dtype))
    return [out.detach().double(), *(x.grad.double() for x in taken)]


def agree(function, *arguments: Tensor) -> Tensor:
    """The result in float32; its gradients are those of float64, which no kernel computes."""
    found = gradients(function, *(x.float() for x in arguments))
    expected = gradients(function, *(x.double() for x in arguments))
    assert torch.equal(found[0], expected[0])
    for x, y in zip(found[1:], expected[1:], strict=True):
        torch.testing.assert_close(x, y, rtol=1e-4, atol=1e-3)
    return found[0]


@pytest.mark.parametrize("shift", [0, 1, 2, 7, 11, 23])
def test_every_accumulator_is_rescaled_as_by_the_golden_operator(shift):
    # Every int16, and the ends of what float32 holds: ties, both edges of saturation, shift 0.
    acc = np.r_[-(1 << 15) : 1 << 15, 1 - (1 << 23), (1 << 23) - 1].astype(np.int32)
    found = agree(lambda x, s: ops.requantize(x, s), torch.from_numpy(acc), torch.tensor(float(shift)))
    assert np.array_equal(found.numpy(), golden.requantize(acc, shift, 8))


def test_runs_are_rescaled_by_shifts_of_their_own():
    # 2 x 1031 elements a run: more than one program, and none of them full.
    draw = np.random.default_rng(0)
    acc, x = (draw.integers(-40_000, 40_000, (RUNS, 2, 1031), dtype=np.int32) for _ in "ax")
    shift = torch.tensor([0.0, 3.0, 9.0])[:, None, None]
    found = agree(
        lambda acc, x, shift: ops.residual_add(x, acc, shift),
        torch.from_numpy(acc), torch.from_numpy(x.clip(-32_767, 32_767)), shift,
    )  # fmt: skip
    expected = [
        golden.residual_add(x.clip(-32_767, 32_767)[i].astype(np.int16), acc[i], int(shift[i]))
        for i in range(RUNS)
    ]
    assert np.array_equal(found.numpy(), np.stack(expected))
    assert (found.abs() == 32_767).any()


def test_a_shift_for_each_row_is_no_business_of_the_kernel():
    acc = torch.arange(-50, 50).view(2, 5, 10)
    shift = torch.arange(10.0).view(2, 5, 1)
    found = agree(lambda x, s: ops.requantize(x, s), acc, shift)
    assert np.array_equal(found.numpy(), golden.requantize(acc.numpy(), shift.numpy().astype(int), 8))


@pytest.mark.parametrize("width", [1, 3, 64, 100, 4099])
def test_rows_are_divided_as_by_the_golden_operator(width):
    draw = np.random.default_rng(width)
    most = min(32_767, (1 << 24) // width - 1)
    x = draw.integers(-most, most, (2, 37, width)) // (1 << draw.integers(0, 16, (2, 37, 1)))
    x[0, 0] = 0
    found = agree(ops.manhattan_norm, torch.from_numpy(x))
    assert np.array_equal(found.numpy(), golden.manhattan_norm(x.astype(np.int32)))


def test_every_norm_below_65536_is_inverted_as_by_the_golden_operator():
    x = np.zeros((1 << 16, 2), dtype=np.int32)
    x[:, 0] = np.arange(1 << 16) // 2
    x[:, 1] = x[:, 0] - np.arange(1 << 16)
    found = ops.manhattan_norm(torch.from_numpy(x).float())
    assert np.array_equal(found.numpy(), golden.manhattan_norm(x))


@pytest.mark.parametrize("weights, up", [("ternary", 0), ("int4", 0), ("int8", 3)])
def test_layers_have_the_integers_and_gradients_of_their_definition(weights, up, monkeypatch):
    torch.manual_seed(0)
    linears = [layers.IntegerLinear(50, 70, weights, up) for _ in range(RUNS)]
    for i, linear in enumerate(linears):
        with torch.no_grad():
            linear.bias.copy_(torch.randn(70))
            linear.latent[0, :7] = (torch.arange(7) - 3) / 2.0 ** (linear.shift() + up + 1)
            linear.shift.value.fill_(3.4 + i)
        linear.mask.copy_(torch.rand(70, 50) < 0.5)
    stacked = StackedLinear(cast(layers.IntegerLinear, pile(linears)))
    x = torch.randint(-127, 128, (RUNS, 2, 100, 50)).float()

    def step() -> list[Tensor]:
        stacked.zero_grad()
        acc, shift = stacked(x)
        ops.requantize(acc, shift).square().sum().backward()
        return [acc, shift, *(p.grad.clone() for p in stacked.parameters())]

    found = step()
    for module in (layers, stacked_layers):
        monkeypatch.setattr(module, "uses_triton", lambda x: False)
    for mine, defined in zip(found, step(), strict=True):
        torch.testing.assert_close(mine, defined, rtol=1e-5, atol=1e-3)
    assert torch.equal(found[0], step()[0])


def test_learned_shifts_are_clamped_and_rounded_half_up():
    value = torch.tensor([-0.6, 0.0, 0.49, 0.5, 1.5, 22.5, 23.0, 23.01, 40.0])
    found = gradients(lambda x: layers.whole(x, 23), value)
    assert found[0].tolist() == [0, 0, 0, 1, 2, 23, 23, 23, 23]
    assert (found[1] != 0).tolist() == [False] + [True] * 6 + [False] * 2


def test_random_numbers_are_those_of_the_definition(monkeypatch):
    seeds, key = torch.tensor([0, 3, 2**31, -5]), torch.tensor(77)
    found = noise.uniform(seeds, key, (3, 700))
    monkeypatch.setattr(noise, "uses_triton", lambda x: False)
    assert torch.equal(found, noise.uniform(seeds, key, (3, 700)))


@pytest.mark.parametrize("width", [24, 384])
def test_states_differ_as_defined(width, monkeypatch):
    draw = torch.Generator().manual_seed(width)
    basis = Basis(
        torch.rand(width, generator=draw) + 0.1, [torch.zeros(width), torch.randn(width, generator=draw)], []
    )
    found = torch.randint(-127, 128, (2, 3, 5, width), generator=draw).float()
    state = (torch.randn(6, 5, width, generator=draw) + basis.hidden[1]).bfloat16()
    state[0, 0] = basis.hidden[1]
    mine = gradients(lambda x: whole.state_differences(x, state, basis, 1), found)
    monkeypatch.setattr(whole, "uses_triton", lambda x: False)
    for x, y in zip(
        mine, gradients(lambda x: whole.state_differences(x, state, basis, 1), found), strict=True
    ):
        torch.testing.assert_close(x, y, rtol=1e-4, atol=1e-5)


if not INTERPRETED:

    def test_the_kernels_pass_these_tests_interpreted():
        run = interpreted(__file__)
        assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-1000:]
