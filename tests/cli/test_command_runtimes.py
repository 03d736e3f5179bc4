"""`hwsim runtimes`."""

from __future__ import annotations

import pytest

from hwsim import runtimes


def test_one_row_a_runtime(run, ticket, ticket_file, data_file):
    options = ("--inputs", 4, "--data", data_file, "--runtime", "onnxruntime", "--runtime", "onnx_reference")
    said = run("runtimes", ticket_file, *options, "--json").json
    assert [(row["name"], row["exact"], row["first_difference"]) for row in said] == [
        ("onnxruntime", True, None),
        ("onnx_reference", True, None),
    ]
    sequences = sum(len(mask) for _, mask in runtimes.directed_and_random(ticket, 4)) + 4
    assert {row["sequences"] for row in said} == {sequences}
    assert all(row["version"] and row["loads"] and row["seconds"] > 0 for row in said)
    shown = run("runtimes", ticket_file, *options)
    assert shown.status == 0
    assert "onnx_reference" in shown.stdout
    assert "yes" in shown.stdout


def test_missing_runtimes_are_listed_and_are_no_failure_unless_all_are(
    run, ticket_file, monkeypatch, tmp_path
):
    monkeypatch.setenv("NODE_PATH", "")
    monkeypatch.chdir(tmp_path)
    absent = ("--runtime", "onnxruntime_node")
    done = run("runtimes", ticket_file, *absent, "--runtime", "onnxruntime")
    assert done.status == 0
    assert "missing" in done.stdout
    assert "npm install" in done.stdout
    done = run("runtimes", ticket_file, *absent, "--json")
    assert done.status == 1
    assert (done.json[0]["exact"], "npm" in done.json[0]["missing"]) == (None, True)


@pytest.mark.parametrize("json", [False, True])
def test_a_difference_is_status_1_and_can_be_seen_again(run, ticket_file, monkeypatch, json):
    forward = runtimes.model.forward

    def off_by_one(*arguments, **options):
        output = forward(*arguments, **options)
        output.trace["layers.1.q"] = output.trace["layers.1.q"] + 1
        return output

    monkeypatch.setattr(runtimes.model, "forward", off_by_one)
    done = run("runtimes", ticket_file, "--runtime", "onnxruntime", *(["--json"] if json else []))
    assert done.status == 1
    again = f"hwsim runtimes {ticket_file} --profile portable --inputs 8 --seed 0 --runtime onnxruntime"
    if json:
        assert done.json[0]["first_difference"]["tensor"] == "layers.1.q"
        assert done.json[0]["first_difference"]["reproduce"] == again
    else:
        assert "first difference in layers.1.q" in done.stdout
        assert "NO" in done.stdout
        assert again in done.stdout.replace("\n", " ").replace("  ", " ")


def test_unknown_names(run, ticket_file):
    done = run("runtimes", ticket_file, "--runtime", "tflite")
    assert (done.status, "no runtime 'tflite'" in done.stderr) == (1, True)
    done = run("runtimes", ticket_file, "--profile", "quick")
    assert (done.status, "portable, fast" in done.stderr) == (1, True)
