"""`hwsim verify`: the command; what it drives is tested in tests/test_verify.py."""

import pytest

from hwsim import implementations, verify


@pytest.fixture
def few(monkeypatch):
    """Only onnxruntime, to be quick; the whole set is run in tests/test_verify.py."""
    chosen = tuple(one for one in implementations.IMPLEMENTATIONS if one.name == "onnxruntime")
    monkeypatch.setattr(verify, "IMPLEMENTATIONS", chosen)


def test_ticket(run, few, ticket_file):
    done = run("verify", ticket_file, "--inputs", 3, "--seed", 4, "--json")
    assert done.status == 0
    assert done.json["equal"] == {"onnxruntime": True}
    assert done.json["tensors_compared"] == 25
    assert done.json["first_difference"] is None


def test_table(run, few, ticket_file):
    done = run("verify", ticket_file)
    assert done.status == 0
    assert "onnxruntime" in done.stdout
    assert "25 comparisons of" in done.stdout


def test_one_tensor_alone(run, few, ticket_file):
    done = run("verify", ticket_file, "--inputs", 2, "--tensor", "layers.1.attn_out", "--json")
    assert done.status == 0
    assert done.json["tensors_compared"] == 2  # linear, then residual_add
    done = run("verify", ticket_file, "--text", "it was warm", "--tensor", "logits", "--json")
    assert done.status == 0
    assert done.json["integers_compared"] == 2


def test_unknown_tensor_lists_the_known_before_any_work(run, ticket_file, monkeypatch):
    monkeypatch.setattr(verify, "prepare", None)
    done = run("verify", ticket_file, "--tensor", "layers.9.q")
    assert done.status == 1
    assert "no tensor 'layers.9.q'" in done.stderr
    assert "layers.1.ffn_out" in done.stderr


def test_operators(run, few, ticket_file):
    alone = run("verify", "--operator", "relu", "--operator", "pool", "--json").json
    assert alone["ticket"] is None
    with_ticket = run("verify", ticket_file, "--inputs", 1, "--ops", "--json").json
    assert with_ticket["equal"] == {"onnxruntime": True}
    assert with_ticket["tensors_compared"] > 25 + alone["tensors_compared"]
    assert run("verify", "--operator", "softmax").status == 1
    assert run("verify", "--operator", "relu", "--text", "a").status == 2


def test_difference_names_everything(run, few, ticket_file, plant):
    plant("onnxruntime", "layers.0.inhibit", (1, 4, 3), 2)
    arguments = ("verify", ticket_file, "--inputs", 2, "--seed", 9)
    done = run(*arguments, "--json")
    assert done.status == 1
    found = done.json["first_difference"]
    assert (found["tensor"], found["index"]) == ("layers.0.inhibit", [1, 4, 3])
    assert found["actual"] == found["expected"] + 2
    assert found["operator"] == "inhibit"
    again = found["reproduce"].split()
    assert again == [
        "hwsim",
        *map(str, arguments[:2]),
        "--seed",
        "9",
        "--inputs",
        "2",
        "--tensor",
        "layers.0.inhibit",
    ]
    shown = run(*arguments).stdout
    assert "NOT EQUAL" in shown
    assert "Reproduce: hwsim verify" in " ".join(shown.split())
    # The operator alone is right: the fault was planted behind it.
    assert run(*again[1:]).status == 0


def test_the_waveform_of_one_tensors_module(run, ticket_file, tmp_path):
    path = tmp_path / "q.vcd"
    done = run("verify", ticket_file, "--inputs", 1, "--tensor", "layers.0.q", "--waves", path)
    assert done.status == 0
    assert path.read_text().startswith("$version")
    done = run("verify", ticket_file, "--inputs", 1, "--tensor", "embed", "--waves", path)
    assert done.status == 1
    assert "no clock" in done.stderr


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("verify", "--waves", "."), "is a folder"),
        (("verify", "--waves", "absent/x.vcd"), "no folder absent"),
        (("rtl", "waves", "."), "is a folder"),
        (("export", "sst2-tiny", "absent/x.onnx"), "no folder absent"),
        (("demo", "--picture", "absent/x.png"), "no folder absent"),
        (("info", "."), "no regular file"),
    ],
)
def test_a_place_that_cannot_be_written_is_named_before_any_work(run, words, complaint):
    done = run(*words)
    assert done.status == 1
    assert complaint in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_operator_takes_no_other_choice(run):
    for words in (("--ops",), ("--tensor", "q"), ("--text", "x"), ("--waves", "x.vcd")):
        assert run("verify", "--operator", "relu", *words).status == 2
