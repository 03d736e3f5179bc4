"""`hwsim rtl`."""

from pathlib import Path

from hwsim import implementations
from hwsim.ops import OPERATORS


def test_sources(run):
    every = {entry["module"]: Path(entry["path"]) for entry in run("rtl", "sources", "--json").json}
    assert set(OPERATORS) <= set(every)
    assert all(path.is_file() for path in every.values())
    needed = run("rtl", "sources", "requantize").stdout.split()
    assert Path(needed[0]) == every["requantize"]
    assert {Path(path).stem for path in needed} >= {"requantize", "round_shift", "saturate"}
    assert run("rtl", "sources", "softmax").status == 1


def test_lint(run):
    done = run("rtl", "lint", "requantize", "--json")
    assert done.status == 0
    assert done.json == {"clean": True, "modules": {"requantize": {"verilator": "", "icarus": ""}}}
    assert "clean" in run("rtl", "lint", "requantize").stdout


def test_lint_finds_a_fault(run, tmp_path, monkeypatch):
    bad = tmp_path / "bad.v"
    bad.write_text("module bad(input wire a_i, output wire [1:0] y_o);\nassign y_o = a_i;\nendmodule\n")
    monkeypatch.setattr("hwsim.rtl.sources", lambda module: [bad])
    done = run("rtl", "lint", "bad", "--json")
    assert done.status == 1
    assert "WIDTH" in done.json["modules"]["bad"]["verilator"]


def test_prove(run):
    done = run("rtl", "prove", "axi_lite_answers", "--bugs", "--json")
    assert done.status == 0 and done.json["ok"]
    (one,) = done.json["properties"]
    assert one["property"] == "axi_lite_answers" and one["holds"] and one["for_ever"] and one["bug"]["found"]
    text = run("rtl", "prove", "axi_lite_answers").stdout
    assert "holds" in text and "for ever" in text
    assert (
        "no property 'nothing'; the properties are lane_output_rounds"
        in run("rtl", "prove", "nothing").stderr
    )


def test_prove_says_where_a_property_fails(run, monkeypatch):
    from hwsim.rtl import proofs

    found = proofs.prove_wrong(next(proof for proof in proofs.PROOFS if proof.name == "axi_lite_answers"))
    monkeypatch.setattr(proofs, "prove", lambda proof: found)
    done = run("rtl", "prove", "axi_lite_answers")
    assert done.status == 1
    assert "FAILS at axi_lite_answers.sv:" in done.stdout


def test_simulate(run):
    done = run("rtl", "simulate", "relu", "--seed", 2, "--json")
    assert done.status == 0
    assert done.json["equal"] == {"rtl": True}
    assert done.json["integers_compared"] == 255
    assert "equal" in run("rtl", "simulate", "relu").stdout
    assert run("rtl", "simulate", "softmax").status == 1


def test_simulate_without_the_simulator(run, monkeypatch):
    monkeypatch.setattr(implementations, "_installed", lambda package: False)
    done = run("rtl", "simulate", "relu")
    assert done.status == 1
    assert "pip install 'hwsim[rtl]'" in done.stderr


def test_waves(run, ticket_file, tmp_path):
    path = tmp_path / "head.vcd"
    arguments = (
        "rtl",
        "waves",
        path,
        "--ticket",
        ticket_file,
        "--text",
        "it was warm",
        "--layer",
        1,
        "--head",
        1,
    )
    done = run(*arguments, "--json")
    assert done.status == 0
    assert done.json["equal"] is True
    assert done.json["tokens"] == 3
    assert done.json["bytes"] == path.stat().st_size
    assert "$enddefinitions" in path.read_text()
    stalled = run(*arguments, "--stalls", 3, "--json").json
    assert stalled["equal"] is True
    assert stalled["cycles"] > done.json["cycles"]
    assert "equal to NumPy" in run(*arguments).stdout


def test_waves_of_a_head_that_is_not_there(run, ticket_file, tmp_path):
    done = run("rtl", "waves", tmp_path / "x.vcd", "--ticket", ticket_file, "--head", 2)
    assert done.status == 1
    assert "heads 0..1" in done.stderr
