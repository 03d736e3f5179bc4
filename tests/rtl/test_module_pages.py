"""The pages of the modules: what they say of the Verilog is in it, and their diagrams are what it does."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from hwsim import HwsimError
from hwsim.rtl import modules
from hwsim.rtl.header import Declared, header

DOCS = Path(__file__).parents[2] / "docs"
PAGES = DOCS / "modules"
YOSYS = """
import sys
from pyosys import libyosys as ys
out, *files = sys.argv[1:]
design = ys.Design()
ys.run_pass(f"read_verilog {' '.join(files)}", design)
ys.run_pass("proc", design)
ys.run_pass(f"write_json {out}", design)
"""
DRAWN_AGAIN = ("accelerator", "ulx3s", "linear", "inhibitor_head")
"""The simulations whose diagrams are made here; they show 23 modules. The others need six models more."""


def script(name: str) -> ModuleType:
    """A script of docs/ as a module."""
    specification = importlib.util.spec_from_file_location(f"docs_{name}", DOCS / f"{name}.py")
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[module.__name__] = module
    specification.loader.exec_module(module)
    return module


pages, waves = script("modules"), script("waves")


@pytest.mark.parametrize("module", modules())
def test_the_verilogs_part_of_a_page_is_current(module: str) -> None:
    text = (PAGES / f"{module}.md").read_text()
    assert pages.page(module, text) == text, "run python docs/modules.py"
    assert "\n## Cycles\n" in text
    assert (f"```{{timing}} {module}.json\n" in text) == (module in waves.views())


def test_the_list_of_modules_is_current() -> None:
    text = pages.LIST.read_text()
    assert pages.listed(text) == text, "run python docs/modules.py"
    assert {path.stem for path in PAGES.glob("*.md")} == {*modules(), "index"}
    assert {path.stem for path in PAGES.glob("*.json")} == set(waves.views())


def test_headers_are_what_yosys_reads(tmp_path: Path) -> None:
    out = tmp_path / "design.json"
    files = [str(path) for path in modules().values()]
    subprocess.run([sys.executable, "-c", YOSYS, str(out), *files], check=True, capture_output=True)
    design = json.loads(out.read_text())["modules"]
    for name in modules():
        about, read = header(name), design[name]
        assert {one.name for one in about.parameters} == {*read.get("parameter_default_values", ())}
        values = {one.name: one.value for one in about.parameters}
        found = [(one.name, one.way, one.signed, _width(one, values)) for one in about.ports]
        assert found == [
            (port, one["direction"], bool(one.get("signed")), len(one["bits"]))
            for port, one in read["ports"].items()
        ]


def _width(port: Declared, parameters: dict[str, str]) -> int:
    """With the parameters' defaults."""
    high, _, low = port.bits.partition(":")
    if low:
        return int(high) + 1 - int(low)
    numbers = {"clog2": lambda value: (value - 1).bit_length()}
    for name, value in parameters.items():
        if "'" not in value:
            numbers[name] = eval(value.replace("$", ""), numbers)
    return eval(port.bits.replace("$", ""), numbers)


@pytest.mark.parametrize("run", DRAWN_AGAIN)
def test_diagrams_are_what_the_simulation_shows(run: str) -> None:
    names = [name for name, view in waves.views().items() if view.run == run]
    again = waves.made(names)
    assert list(again) == names
    for name, text in again.items():
        assert (PAGES / f"{name}.json").read_text() == text, "run python docs/waves.py"


def test_a_line_that_is_no_declaration_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = tmp_path / "bad.v"
    bad.write_text("// bad: nothing.\nmodule bad (\n    inout wire x_io\n);\nendmodule\n")
    monkeypatch.setattr("hwsim.rtl.header.modules", lambda: {"bad": bad})
    with pytest.raises(HwsimError, match="bad: cannot read the declaration 'inout wire x_io'"):
        header("bad")
    with pytest.raises(HwsimError, match="no Verilog module 'worse'"):
        header("worse")
