"""`hwsim synth`."""

import json


def test_synth(run, tmp_path):
    out = tmp_path / "record.json"
    small = ("-p", "Width=16", "-p", "ShiftWidth=4")
    done = run("synth", "round_shift", *small, "--seeds", 1, "--json", "--out", out)
    assert done.status == 0, done.stderr
    said = done.json
    assert json.loads(out.read_text()) == said
    assert said["parameters"] == {"Width": 16, "ShiftWidth": 4}
    assert {"multipliers", "dsp", "lut4", "ccu2c", "ff", "ebr", "fmax_mhz"} <= set(said)
    assert said["multipliers"] == said["dsp"] == 0 and len(said["fmax_mhz"]) == 1
    more = run("synth", "round_shift", *small, "--seeds", 2, "--json", "--out", out).json
    assert more["seeds"] == [1, 2] and more["fmax_mhz"][0] == said["fmax_mhz"][0]
    assert json.loads(out.read_text()) == more
    out.write_text("{")
    assert "not a whole record" in run("synth", "round_shift", *small, "--out", out).stderr


def test_synth_of_ice40_is_a_table_of_areas(run):
    shown = run("synth", "saturate", "--family", "ice40")
    assert shown.status == 0
    assert "LUT4" in shown.stdout and "Fmax" in shown.stdout and shown.stdout.rstrip().endswith("-")


def test_what_synth_refuses(run, tmp_path):
    assert "is not NAME=VALUE" in run("synth", "relu", "-p", "Width").stderr
    assert "no Verilog module 'nothing'" in run("synth", "nothing").stderr
    assert "there is no folder" in run("synth", "relu", "--out", tmp_path / "no" / "x.json").stderr
    assert "not for ice40" in run("synth", "relu", "--family", "ice40", "--seeds", 2).stderr
    assert "choose one of 25k, 45k, 85k" in run("synth", "relu", "--part", "12k").stderr
    assert "relu_refuses" in run("synth", "relu", "-p", "Width=1", "--seeds", 0).stderr


def test_what_bitstream_and_board_refuse(run, tmp_path, ticket_file):
    out = tmp_path / "x.bit"
    assert "choose one of 25k, 45k, 85k" in run("rtl", "bitstream", out, "--part", "12k").stderr
    assert "there is no folder" in run("rtl", "bitstream", tmp_path / "no" / "x.bit").stderr
    assert "ulx3s_refuses_weight_depth_0" in run("rtl", "bitstream", out, "-p", "WeightDepth=0").stderr
    assert not out.exists()
    assert "give at least one text" in run("rtl", "board", ticket_file, "--port", tmp_path / "tty").stderr
    absent = run("rtl", "board", ticket_file, "--port", tmp_path / "tty", "--text", "dull")
    assert absent.status == 1 and "name the port of the board" in absent.stderr
