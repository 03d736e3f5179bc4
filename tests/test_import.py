"""What importing costs, and which way imports may go."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CORE = sorted((ROOT / "hwsim").rglob("*.py"))


def fresh(code: str) -> dict:
    """The JSON that `code` prints in a new interpreter."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_import_is_fast_and_light() -> None:
    measure = (
        "import time, sys, json; start = time.perf_counter(); import hwsim; "
        "print(json.dumps({'seconds': time.perf_counter() - start, 'modules': list(sys.modules)}))"
    )
    runs = [fresh(measure) for _ in range(3)]
    assert min(run["seconds"] for run in runs) < 0.3
    assert not {"torch", "onnx", "onnxruntime", "numpy", "cocotb"} & set(runs[0]["modules"])


def test_the_emulator_needs_neither_torch_nor_onnx() -> None:
    use = (
        "import sys, json, hwsim; from hwsim import cases, compare, evaluate, verify, tokens, data; "
        "c = hwsim.ModelConfig(9, max_tokens=8, width=16, heads=2, layers=1, hidden=16, classes=2); "
        "hwsim.forward(hwsim.random_ticket(c), *hwsim.random_tokens(c, 2)); "
        "print(json.dumps({'modules': list(sys.modules)}))"
    )
    assert not {"torch", "onnx", "onnxruntime", "matplotlib", "cocotb"} & set(fresh(use)["modules"])


def imported(path: Path) -> set[str]:
    """Every module that a file names in an import."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
    return found


@pytest.mark.parametrize("path", CORE, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_core_never_imports_torch(path: Path) -> None:
    assert not {name for name in imported(path) if name.split(".")[0] == "torch"}


@pytest.mark.parametrize(
    "path",
    [*sorted((ROOT / "onnx_export").rglob("*.py")), *sorted((ROOT / "rtl").rglob("*.py"))],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_exporter_and_verilog_depend_on_the_core_only(path: Path) -> None:
    own = "hwsim.onnx_export" if "onnx_export" in path.parts else "hwsim.rtl"
    others = {"hwsim.models", "hwsim.onnx_export", "hwsim.rtl", "hwsim.cli", "hwsim.cosim"} - {own}
    reached = {name for name in imported(path) if any(name == o or name.startswith(f"{o}.") for o in others)}
    assert not reached
    assert "torch" not in {name.split(".")[0] for name in imported(path)}
