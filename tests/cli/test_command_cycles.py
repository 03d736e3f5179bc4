"""`hwsim cycles` and `hwsim rtl run`."""

import json

from hwsim import evaluate, load_ticket
from hwsim.rtl import modules, sources
from hwsim.tokens import encode


def test_cycles(run, ticket_file, tmp_path):
    plot = tmp_path / "cycles.svg"
    done = run("cycles", ticket_file, "--tokens", 5, "--lanes", 8, "--clock", 50, "--plot", plot, "--json")
    assert done.status == 0
    said = done.json
    assert said["cycles"] == sum(said["terms"].values()) and said["tokens"] == 5
    assert said["sentences_per_second"] == 50e6 / said["cycles"]
    assert said["plot"] == str(plot) and plot.exists()
    shown = run("cycles", ticket_file, "--tokens", 5, "--lanes", 8, "--listing").stdout
    assert f"{said['cycles']:,}" in shown
    assert "layers.0.attn_norm" in shown and "sentences a second at 100 MHz" in shown


def test_cycles_of_too_many_tokens(run, ticket_file):
    assert "on 8 lanes takes 1..8" in run("cycles", ticket_file, "--tokens", 9, "--lanes", 8).stderr
    assert "not built with lanes 5" in run("cycles", ticket_file, "--lanes", 5).stderr


def test_a_data_set_runs_on_the_verilog(run, ticket_file, tmp_path):
    texts = ["a warm film .", "dull", "it was long and dull"]
    data, out = tmp_path / "data.tsv", tmp_path / "run.json"
    data.write_text("sentence\tlabel\n" + "".join(f"{text}\t{i % 2}\n" for i, text in enumerate(texts)))
    done = run("rtl", "run", ticket_file, "--data", data, "--lanes", 8, "--out", out, "--json")
    assert done.status == 0, done.stderr
    said = done.json
    assert json.loads(out.read_text()) == said
    assert not list(tmp_path.glob("*.part"))
    ticket = load_ticket(ticket_file)
    encoded = encode(ticket, texts)
    logits = evaluate.logits(ticket, encoded)
    assert said["accuracy"] == evaluate.accuracy(logits.argmax(axis=1), [0, 1, 0])
    assert (said["n"], said["equal"], said["first_difference"]) == (3, True, None)
    assert said["cycles_per_sentence"] > 0 and said["simulated_cycles_per_second"] > 0
    assert not any(text in out.read_text() for text in texts)


def test_texts_run_on_the_verilog_with_waves(run, ticket_file, tmp_path):
    waves = tmp_path / "run.vcd"
    arguments = ("rtl", "run", ticket_file, "--text", "warm", "--text", "not dull", "--pack", "--lanes", 8)
    done = run(*arguments, "--waves", waves, "--json")
    assert done.status == 0, done.stderr
    ticket = load_ticket(ticket_file)
    assert done.json["logits"] == evaluate.logits(ticket, encode(ticket, ["warm", "not dull"])).tolist()
    assert done.json["frames"] == 1 and waves.stat().st_size > 10_000
    assert done.json["view"] == str(tmp_path / "run.gtkw")
    assert "every named tensor equal to NumPy's" in run(*arguments).stdout


def test_what_rtl_run_refuses(run, ticket_file, tmp_path):
    assert run("rtl", "run", ticket_file).status == 2
    assert run("rtl", "run", ticket_file, "--text", "a", "--task", "sst2").status == 2
    long = run("rtl", "run", ticket_file, *(["--text", "a"] * 5), "--waves", tmp_path / "x.vcd")
    assert "fills a disk" in long.stderr
    missing = run("rtl", "run", ticket_file, "--text", "a", "--out", tmp_path / "no" / "x.json")
    assert "there is no folder" in missing.stderr
    data = tmp_path / "data.tsv"
    data.write_text("sentence\tlabel\ndull\t7\n")
    assert "a label is 7" in run("rtl", "run", ticket_file, "--data", data).stderr


def test_a_wrong_integer_is_shown_with_its_cycle(run, ticket_file, tmp_path, monkeypatch):
    good = modules()["token_lane"]
    text, bug = "threshold_i && difference", "1'b0 && difference"
    assert good.read_text().count(text) == 1
    copy = tmp_path / good.name
    copy.write_text(good.read_text().replace(text, bug))
    wrong = [copy if path == good else path for path in sources("accelerator")]
    monkeypatch.setattr("hwsim.rtl.accelerator.sources", lambda module: wrong)
    arguments = ("rtl", "run", ticket_file, "--text", "dull", "--text", "it was long and dull", "--lanes", 8)
    done = run(*arguments, "--json")
    assert done.status == 1
    found = done.json["first_difference"]
    assert not done.json["equal"] and found["tensor"].endswith(".inhibit") and found["time"] > 0
    shown = run(*arguments)
    said = " ".join(shown.stdout.split())
    assert shown.status == 1 and "NOT EQUAL to NumPy" in said
    assert f"first difference in {found['tensor']}{found['index']} at cycle {found['time']}: expected" in said
