"""The board's top through yosys, nextpnr and ecppack."""

from __future__ import annotations

from pathlib import Path

from hwsim.synth.bitstream import bitstream


def test_the_smallest_accelerator_becomes_a_bitstream(tmp_path: Path) -> None:
    small = {"Lanes": 8, "Width": 32, "WeightDepth": 2048, "BiasDepth": 256, "Operations": 64}
    path = tmp_path / "ulx3s.bit"
    record = bitstream(path, small, "25k")
    data = path.read_bytes()
    assert b"LFE5U-25F" in data[:200]
    # The preamble of a configuration.
    assert b"\xff\xff\xbd\xb3" in data
    assert record["bytes"] == len(data) > 100_000
    assert record["fmax_mhz"] > record["clock_mhz"] == 25
    assert record["part"] == "25k" and record["parameters"] == small
