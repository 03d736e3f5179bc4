"""Snapshots and the points of training to rewind to."""

from __future__ import annotations

import pytest
import torch
from prunable import made

from hwsim.errors import ConfigError
from hwsim.models import pruning
from hwsim.models.pruning.rewind import same


def test_rewinding_restores_every_value_bit_for_bit_and_leaves_the_masks(tmp_path):
    model = made()
    early = pruning.Snapshot.of(model)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter))
    pruning.magnitude(model, 0.3)
    late = pruning.Snapshot.of(model)
    early.save(tmp_path / "early.safetensors")
    pruning.Snapshot.read(tmp_path / "early.safetensors").rewind(model)
    for name, tensor in model.state_dict().items():
        source = late if name.endswith(".mask") else early
        assert torch.equal(tensor, source.tensors[name]), name
    late.restore(model)
    assert same(pruning.Snapshot.of(model), late)
    assert not same(early, late)


def test_a_damaged_snapshot_is_one_clear_error(tmp_path):
    (tmp_path / "x.safetensors").write_bytes(b"nothing")
    with pytest.raises(ConfigError, match="is not a snapshot"):
        pruning.Snapshot.read(tmp_path / "x.safetensors")


@pytest.mark.parametrize("text", ["init", "step:7", "rate:0", "rate:12"])
def test_rewind_points_are_read_as_they_are_written(text):
    assert str(pruning.Rewind.parse(text)) == text


@pytest.mark.parametrize("text", ["", "step", "step:-1", "rate:x", "init:3"])
def test_other_rewind_points_are_refused(text):
    with pytest.raises(ConfigError, match="choose init, step:K or rate:K"):
        pruning.Rewind.parse(text)
    with pytest.raises(ConfigError, match="0 or more"):
        pruning.Rewind(-1)
