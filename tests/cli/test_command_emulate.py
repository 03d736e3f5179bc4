"""`hwsim emulate`."""

import gzip

import numpy as np

import hwsim
from hwsim.data import read_tsv
from hwsim.tokens import encode


def test_accuracy_of_a_file(run, ticket, ticket_file, data_file):
    done = run("emulate", ticket_file, "--data", data_file, "--json")
    assert done.status == 0
    examples = read_tsv(data_file)
    encoded = encode(ticket, [example.text for example in examples])
    predictions = hwsim.forward(ticket, encoded.token_ids, encoded.mask).prediction
    assert done.json["accuracy"] == np.mean(predictions == [example.label for example in examples])
    assert done.json["n"] == 4
    assert done.json["sentences_per_second"] > 0
    assert done.json["truncated"] == 0


def test_compressed_file(run, ticket_file, data_file, tmp_path):
    packed = tmp_path / "data.tsv.gz"
    packed.write_bytes(gzip.compress(data_file.read_bytes()))
    plain = run("emulate", ticket_file, "--data", data_file, "--json").json
    assert run("emulate", ticket_file, "--data", packed, "--json").json["accuracy"] == plain["accuracy"]


def test_texts(run, ticket, ticket_file):
    done = run("emulate", ticket_file, "--text", "it was warm", "--text", "dull " * 20, "--json")
    assert done.status == 0
    encoded = encode(ticket, ["it was warm", "dull " * 20])
    assert done.json["logits"] == hwsim.forward(ticket, encoded.token_ids, encoded.mask).logits.tolist()
    assert done.json["accuracy"] is None
    assert done.json["truncated"] == 1


def test_people_see_accuracy_and_speed(run, ticket_file, data_file):
    done = run("emulate", ticket_file, "--data", data_file)
    assert done.status == 0
    assert "accuracy" in done.stdout
    assert f"texts a second in the emulator ({hwsim.backend.current()})" in done.stdout


def test_one_source_of_texts(run, ticket_file, data_file):
    assert run("emulate", ticket_file).status == 2
    assert run("emulate", ticket_file, "--data", data_file, "--text", "a").status == 2


def test_bad_files(run, ticket_file, tmp_path):
    def complaint(content: str) -> str:
        (tmp_path / "bad.tsv").write_text(content)
        done = run("emulate", ticket_file, "--data", tmp_path / "bad.tsv")
        assert done.status == 1
        assert not done.stdout
        return done.stderr

    assert "header" in complaint("a film\t1\n")
    assert "line 3" in complaint("sentence\tlabel\na film\t1\nno label\n")
    assert "label 7; this ticket has the classes 0..1" in complaint("sentence\tlabel\na film\t7\n")
    assert run("emulate", ticket_file, "--data", tmp_path / "absent.tsv").status == 1
