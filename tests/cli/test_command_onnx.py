"""`hwsim export`, `hwsim onnx check` and `hwsim onnx cost`."""

from __future__ import annotations

import subprocess
from pathlib import Path

import onnx
import pytest

from hwsim.onnx_export.cost import cost


@pytest.fixture
def exported(run, ticket_file, tmp_path: Path) -> Path:
    path = tmp_path / "small.onnx"
    assert run("export", ticket_file, path, "--profile", "fast").status == 0
    return path


def test_export_with_a_profile_a_part_and_a_card(run, ticket, ticket_file, tmp_path):
    path = tmp_path / "block.onnx"
    options = ("--profile", "fast", "--distance", "unrolled", "--part", "block", "--layer", 1, "--trace")
    said = run("export", ticket_file, path, *options, "--card", "--json").json
    assert (said["profile"], said["bytes"], said["card"]) == (
        "fast",
        path.stat().st_size,
        str(tmp_path / "block.md"),
    )
    assert (said["inputs"], said["outputs"][-1]) == (["x", "mask"], "ffn_out")
    metadata = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    assert (metadata["part"], metadata["distance"]) == ("block", "unrolled")
    assert ticket.digest() in (tmp_path / "block.md").read_text()
    said = run("export", ticket_file, tmp_path / "head.ort", "--part", "head", "--json").json
    assert said["outputs"] == ["score", "inhibit"]
    assert (tmp_path / "head.ort").read_bytes()[4:8] == b"ORTM"


def test_export_refuses_what_it_cannot_write(run, ticket_file, tmp_path):
    assert run("export", ticket_file, tmp_path / "model.tflite").status == 2
    assert run("export", ticket_file, tmp_path / "m.onnx", "--part", "tail").status == 2
    for options, message in (
        (("--profile", "quick"), "portable, fast"),
        (("--distance", "uint8"), "does not offer it"),
        (("--part", "head", "--layer", 7), "layers 0..1"),
    ):
        done = run("export", ticket_file, tmp_path / "m.onnx", *options)
        assert (done.status, message in done.stderr) == (1, True)
    assert list(tmp_path.iterdir()) == []


def test_check(run, ticket, exported):
    said = run("onnx", "check", exported, "--json").json
    assert said["ok"]
    assert said["nodes"]["MatMulInteger"] > 0
    assert said["metadata"]["ticket"] == ticket.digest()
    assert "accepted" in run("onnx", "check", exported).stdout


def test_check_refuses_with_file_node_and_reason(run, exported):
    model = onnx.load(exported)
    bad = next(node for node in model.graph.node if node.op_type == "Div")
    bad.input[1] = "mask"
    exported.write_bytes(model.SerializeToString())
    done = run("onnx", "check", exported)
    assert done.status == 1
    assert f"{exported}: node {bad.name}: the divisor" in done.stderr.replace("\n", "")
    done = run("onnx", "check", exported, "--json")
    assert (done.status, done.json["ok"], done.json["node"]) == (1, False, bad.name)
    assert run("onnx", "cost", exported).status == 1


def test_cost(run, exported):
    said = run("onnx", "cost", exported, "--tokens", 5, "--batch", 2, "--json").json
    assert said == {"file": str(exported)} | cost(onnx.load(exported), 5, 2)
    shown = run("onnx", "cost", exported).stdout
    for word in ("uint8", "int32", "multiplies", "stored", "MatMulInteger"):
        assert word in shown


def test_export_as_c(run, ticket, ticket_file, tmp_path):
    path = tmp_path / "my-model.c"
    said = run("export", ticket_file, path, "--json").json
    assert said["header"] == str(tmp_path / "my-model.h")
    assert 500 < said["ram"] < 2000
    assert said["constants"] > ticket.token_table.nbytes
    command = [*("gcc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-c", path, "-o", tmp_path / "model.o")]
    subprocess.run(command, check=True)
    assert "enum my_model_result my_model_run" in (tmp_path / "my-model.h").read_text()
    assert run("export", ticket_file, path, "--trace").status == 2
    shown = run("export", ticket_file, path).stdout
    for word in ("flash", "of constants", "of code", "RAM", "call my_model_run"):
        assert word in shown.replace("\n", " ")
