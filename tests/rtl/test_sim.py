"""The C++ harness and its build cache: values, stalls, protocol errors, waveforms, missing tools."""

from __future__ import annotations

import multiprocessing
import os
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim.errors import HwsimError, MissingToolError
from hwsim.rtl import build as build_module
from hwsim.rtl import sources
from hwsim.rtl.build import compile_model
from hwsim.rtl.lanes import pack, unpack
from hwsim.rtl.sim import Simulation, build

HERE = Path(__file__).parent
CLUMSY = [HERE / "clumsy.v"]


@given(bits=st.integers(1, 64), lanes=st.integers(1, 9), data=st.data())
def test_lanes_go_to_bytes_and_back(bits: int, lanes: int, data: st.DataObject) -> None:
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    row = data.draw(st.lists(st.integers(low, high), min_size=lanes, max_size=lanes))
    size = -(-bits * lanes // 8) + data.draw(st.integers(0, 3))
    octets = pack(np.array([row, row[::-1]]), bits, size)
    whole = sum((value % (1 << bits)) << (bits * lane) for lane, value in enumerate(row))
    assert int.from_bytes(octets[0].tobytes(), "little") == whole
    assert unpack(octets, lanes, bits).tolist() == [row, row[::-1]]


@pytest.mark.parametrize("value, bits", [(128 + 128, 8), (-129, 8), (2, 1), (-2, 1)])
def test_a_value_too_wide_for_its_lane_is_refused(value: int, bits: int) -> None:
    with pytest.raises(HwsimError, match=f"does not fit a lane of {bits} bits"):
        pack(np.array([[0, value]]), bits, 2)


def test_vectors_reach_ports_of_every_size() -> None:
    rng = np.random.default_rng(0)
    inputs = {
        "a_i": rng.integers(0, 2, 500),
        "b_i": rng.integers(-2048, 2048, 500),
        "c_i": rng.integers(-(1 << 31), 1 << 31, 500),
        "d_i": rng.integers(0, 1 << 10, (500, 4)),
        "e_i": rng.integers(-(1 << 39), 1 << 39, (500, 5)),
    }
    out = build("wide", [HERE / "wide.v"]).vectors(inputs)
    for row in range(500):
        whole, at = 0, 0
        for name, width, lanes in (
            ("a_i", 1, 1),
            ("b_i", 12, 1),
            ("c_i", 32, 1),
            ("d_i", 10, 4),
            ("e_i", 40, 5),
        ):
            for value in inputs[name].reshape(500, lanes)[row].tolist():
                whole |= (value % (1 << width)) << at
                at += width
        assert int.from_bytes(out["y_o"][row].tobytes(), "little") == whole
        assert out["odd_o"][row, 0] == whole.bit_count() % 2


def test_vectors_name_a_missing_and_an_unknown_port() -> None:
    model = build("wide", [HERE / "wide.v"])
    with pytest.raises(HwsimError, match="wide: no values for the input port a_i"):
        model.vectors({})
    with pytest.raises(HwsimError, match="wide has no port f_i; its ports are"):
        model.set(f_i=1)
    with pytest.raises(HwsimError, match="wide: 4096 does not fit b_i of 12 bits"):
        model.set(b_i=4096)
    with pytest.raises(HwsimError, match="b_i of 12 bits does not divide into 5 lanes"):
        model.vectors({name: np.zeros((1, 5), int) for name in ("b_i", "a_i", "c_i", "d_i", "e_i")})


def clumsy(fault: int = 0, add: int = 0) -> Simulation:
    model = build("clumsy", CLUMSY)
    model.set(fault_i=fault, add_i=add)
    model.reset()
    return model


def beats(packets: int, length: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    n = packets * length
    return {
        "tdata": rng.integers(-1000, 1000, (n, 3)),
        "tuser": rng.integers(0, 32, n),
        "tlast": np.arange(n) % length == length - 1,
    }


@pytest.mark.parametrize("stalls", [None, 0, 1, 2])
def test_a_stream_keeps_order_and_every_field(stalls: int | None) -> None:
    sent = beats(10, 20)
    model = clumsy(add=5)
    done = model.stream({"s_axis": sent}, 10, {"lane0_o": "taken_o"}, stalls)
    assert (unpack(done.data.rows, 3, 12) == sent["tdata"] + 5).all()
    assert (done.last == sent["tlast"]).all() and (done.user[:, 0] == sent["tuser"]).all()
    seen = done.monitors["lane0_o"]
    assert (unpack(seen.rows, 1, 12)[:, 0] == sent["tdata"][:, 0]).all()
    assert (seen.cycle < done.data.cycle).all()
    if stalls is None:
        assert done.cycles == 201 and (done.data.cycle == done.start + 1 + np.arange(200)).all()
    else:
        assert done.cycles > 250


def test_the_same_seed_stalls_alike_and_another_otherwise() -> None:
    model, runs = clumsy(), []
    for seed in (3, 3, 4):
        done = model.stream({"s_axis": beats(2, 50)}, 2, stalls=seed)
        runs.append((done.data.cycle - done.start).tolist())
    assert runs[0] == runs[1] != runs[2]


@pytest.mark.parametrize(
    "fault, message",
    [
        (
            1,
            r"nothing moved for 50 cycles; s_axis took 40 of 40 beats, m_axis gave 0 of 2 packets",
        ),
        (2, "m_axis changed or withdrew a beat that waited for tready; s_axis took"),
        (3, "m_axis offers a beat after the last one expected; s_axis took 40 of 40"),
        (4, "error_o went high; s_axis took 20 of 40"),
    ],
)
def test_a_fault_of_the_module_is_named_with_its_cycle(fault: int, message: str) -> None:
    with pytest.raises(HwsimError, match=r"clumsy, cycle \d+: " + message):
        clumsy(fault).stream({"s_axis": beats(2, 20)}, 2, stalls=5 if fault == 2 else None, patience=50)


def test_missing_fields_of_a_stream_are_named() -> None:
    with pytest.raises(HwsimError, match=r"stream s_axis has the fields .*; values came for \['tdata'\]"):
        clumsy().stream({"s_axis": {"tdata": np.zeros((1, 3), int)}}, 1)


def test_several_models_live_in_one_process() -> None:
    first, second = clumsy(add=1), clumsy(add=2)
    for _ in range(3):
        for model, add in ((first, 1), (second, 2)):
            sent = beats(1, 4)
            done = model.stream({"s_axis": sent}, 1)
            assert (unpack(done.data.rows, 3, 12) == sent["tdata"] + add).all()


def test_waves_hold_every_signal_and_the_time_is_ten_a_cycle(tmp_path: Path) -> None:
    file = tmp_path / "clumsy.vcd"
    with build("clumsy", CLUMSY, waves=file) as model:
        model.set(fault_i=0, add_i=0)
        model.reset()
        done = model.stream({"s_axis": beats(1, 5)}, 1)
    text = file.read_text()
    assert {"clk_i", "m_axis_tdata", "data_q"} <= set(re.findall(r"\$var \w+ +\d+ \S+ (\w+)", text))
    rising = re.search(r"\$var wire +1 (\S+) m_axis_tvalid", text)
    assert rising
    before = text[: text.rindex(f"\n1{rising[1]}\n")]
    assert int(re.findall(r"^#(\d+)", before, re.MULTILINE)[-1]) == 10 * (done.data.cycle[0] - 1) + 5


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache that shares only the compiled run-time library."""
    compile_model("clumsy", CLUMSY)
    cache = tmp_path / "cache" / "hwsim"
    cache.mkdir(parents=True)
    for runtime in build_module.cache_folder().glob("runtime-*"):
        if runtime.is_dir():
            (cache / runtime.name).symlink_to(runtime)
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache.parent))
    return cache


def test_an_unchanged_model_is_compiled_once(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = compile_model("wide", [HERE / "wide.v"])
    assert first.library.is_relative_to(own_cache)
    monkeypatch.setattr(build_module, "_verilate", lambda *_: pytest.fail("compiled again"))
    assert compile_model("wide", [HERE / "wide.v"]) == first


def test_source_and_parameters_are_part_of_the_key(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Path] = []

    def verilate(*arguments: object) -> list[build_module.Port]:
        folder = arguments[-1]
        assert isinstance(folder, Path)
        made.append(folder)
        return []

    monkeypatch.setattr(build_module, "_verilate", verilate)
    changed = own_cache.parent / "clumsy.v"
    changed.write_text(CLUMSY[0].read_text() + "// changed\n")
    libraries = {
        compile_model("clumsy", files, parameters, waves).library
        for files in (CLUMSY, [changed])
        for parameters in ({}, {"Lanes": 2})
        for waves in (False, True)
    }
    assert len(libraries) == len(made) == 8


def _compile_wide(_: int) -> str:
    return str(compile_model("wide", [HERE / "wide.v"]).library)


def test_the_cache_keeps_what_was_used_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def used(name: str) -> bool:
        """Whether it had to be made."""
        with build_module._made(tmp_path / name) as making:
            return making is not None

    assert used("first") and used("second")
    (tmp_path / "left").mkdir()  # by a process that was killed
    for age, name in enumerate(("first", "second", "left", "first.lock", "second.lock")):
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    assert not used("first")  # now it is younger than the second
    monkeypatch.setattr(build_module, "KEPT", 3)
    assert used("third")
    assert {path.name for path in tmp_path.iterdir()} == {"first", "third", "third.lock"}
    assert not used("first") and used("second")


def test_processes_that_want_the_same_model_share_it(own_cache: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        libraries = pool.map(_compile_wide, range(2), chunksize=1)
    assert len(set(libraries)) == 1
    made = [path for path in own_cache.iterdir() if path.is_dir() and not path.is_symlink()]
    assert made == [Path(libraries[0]).parent]


def test_a_failed_build_leaves_nothing_and_says_why(own_cache: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.v").write_text("module broken(input wire a_i);\n  wire b = c;\nendmodule\n")
    with pytest.raises(HwsimError, match=r"Verilator on broken .* failed: %Error.*\bc\b"):
        compile_model("broken", [tmp_path / "broken.v"])
    assert not [path for path in own_cache.iterdir() if path.is_dir() and not path.is_symlink()]


def test_a_missing_compiler_is_named_with_its_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingToolError, match=r"c\+\+.*apt install g\+\+"):
        compile_model("clumsy", CLUMSY)


def test_sources_are_a_module_and_what_it_instantiates() -> None:
    assert [path.stem for path in sources("requantize")] == ["requantize", "round_shift", "saturate"]
    assert "manhattan_distance" in {path.stem for path in sources("inhibitor_head")}
    with pytest.raises(HwsimError, match="no Verilog module 'softmax'; the modules are "):
        sources("softmax")
