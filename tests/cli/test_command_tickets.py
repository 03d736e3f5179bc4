"""`hwsim info`, `hwsim check`, `hwsim export` and `hwsim tickets`."""

import shutil

import numpy as np
import onnx
import pytest

import hwsim
from hwsim import tickets


def test_info(run, ticket, ticket_file):
    said = run("info", ticket_file, "--json").json
    assert said["architecture"]["width"] == ticket.config.width
    assert said["density"] == ticket.density
    assert said["density_all"] == ticket.density_all
    assert said["digits"] == ticket.digits == sum(layer["digits"] for layer in said["layers"].values())
    assert said["weights"] == 2 * (4 * 16 * 16 + 2 * 16 * 32)
    assert said["layers"]["layers.1.ffn_out"]["weights"] == 512
    assert 0 < said["mask_entropy_bytes"] < said["mask_bytes"] == said["weights"] / 8
    assert said["metrics"] == {"sst2_dev": 0.5}
    assert said["provenance"]["recipe"] == "random weights"
    assert said["digest"] == ticket.digest()


def test_info_for_people(run, ticket_file):
    shown = run("info", ticket_file).stdout
    for word in (
        "layers.1.q",
        "density",
        "bytes on disk",
        "entropy",
        "sst2_dev",
        "50.00 %",
        "random weights",
    ):
        assert word in shown


def test_entropy_of_full_and_half_masks(run, ticket, tmp_path):
    layers = []
    for layer in ticket.layers:
        full = {
            n: hwsim.ticket.Linear(np.ones_like(w.weight), w.bias, w.shift) for n, w in layer.linears.items()
        }
        layers.append(hwsim.ticket.Layer(full, layer.delta, layer.score_shift, layer.inhibit_shift))
    path = hwsim.save_ticket(ticket.replace(layers=tuple(layers)), tmp_path / "full.safetensors")
    assert run("info", path, "--json").json["mask_entropy_bytes"] == 0


def test_check(run, ticket_file):
    done = run("check", ticket_file, "--json")
    assert done.status == 0
    assert done.json["ok"] is True
    bounds = {(bound["name"], bound["profile"]): bound for bound in done.json["bounds"]}
    acc = bounds["layers.0.q.acc", "rtl"]
    assert -acc["limit"] <= acc["low"] <= acc["high"] <= acc["limit"]
    assert acc["excess"] == 0
    shown = run("check", ticket_file).stdout
    assert "nothing can overflow" in shown
    assert "layers.1.ffn_out" in shown


def overflowing(ticket: hwsim.Ticket) -> hwsim.Ticket:
    """A ticket whose first bias alone exceeds a 24-bit accumulator."""
    first = ticket.layers[0]
    bias = np.full_like(first.linears["q"].bias, 1 << 24)
    q = hwsim.ticket.Linear(first.linears["q"].weight, bias, first.linears["q"].shift)
    wide = hwsim.ticket.Layer(first.linears | {"q": q}, first.delta, first.score_shift, first.inhibit_shift)
    return ticket.replace(layers=(wide, *ticket.layers[1:]))


def test_check_of_a_ticket_that_may_overflow(run, ticket, tmp_path):
    path = hwsim.save_ticket(overflowing(ticket), tmp_path / "wide.safetensors")
    done = run("check", path, "--json")
    assert done.status == 1
    assert done.json["ok"] is False
    assert any(
        bound["name"].startswith("layers.0.q") and bound["excess"] > 0 for bound in done.json["bounds"]
    )
    assert "exceeds by" in run("check", path).stdout


def test_export(run, ticket, ticket_file, tmp_path):
    path = tmp_path / "small.onnx"
    done = run("export", ticket_file, path, "--json")
    assert done.status == 0
    assert done.json["opset"] == 17
    assert done.json["inputs"] == ["token_ids", "mask"]
    assert done.json["outputs"] == ["logits"]
    assert done.json["bytes"] == path.stat().st_size
    onnx.checker.check_model(onnx.load(path), full_check=True)
    traced = run("export", ticket_file, path, "--trace", "--json").json
    assert len(traced["outputs"]) == 25
    # The line is broken where the terminal ends, which depends on the length of the path.
    assert "25 outputs" in " ".join(run("export", ticket_file, path, "--trace").stdout.split())


def test_export_refuses_what_may_overflow(run, ticket, tmp_path):
    path = hwsim.save_ticket(overflowing(ticket), tmp_path / "wide.safetensors")
    done = run("export", path, tmp_path / "wide.onnx")
    assert done.status == 1
    assert "layers.0.q" in done.stderr
    assert not (tmp_path / "wide.onnx").exists()


def test_tickets_lists_what_is_shipped(run, ticket_file, tmp_path, monkeypatch):
    shutil.copy(ticket_file, tmp_path / "tiny.safetensors")
    monkeypatch.setattr(tickets, "FOLDER", tmp_path)
    (listed,) = run("tickets", "--json").json
    assert listed["name"] == "tiny"
    assert listed["bytes"] == (tmp_path / "tiny.safetensors").stat().st_size
    assert listed["metrics"] == {"sst2_dev": 0.5}
    assert set(listed) == {"name", "density", "digits", "bytes", "metrics"}
    assert "sst2_dev 50.00 %" in run("tickets").stdout
    assert run("info", "tiny", "--json").json["density"] == listed["density"]
    with pytest.raises(hwsim.HwsimError, match="shipped: tiny"):
        hwsim.load_ticket("tinny")
