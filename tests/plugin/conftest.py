"""A pytest within pytest: the tests of this folder write small projects and run the plugin on them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

# pytester gives each test a home of its own, in which ccache would find nothing.
CCACHE = os.environ.get("CCACHE_DIR", str(Path.home() / ".cache" / "ccache"))

HEAD = "import cocotb, pytest\nfrom cocotb.triggers import Timer\nfrom hwsim.cosim import *\n"


@pytest.fixture
def designs() -> Path:
    """The folder of Verilog to test with."""
    return Path(__file__).parent / "designs"


@pytest.fixture
def run(
    pytester: pytest.Pytester, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., pytest.RunResult]:
    """run(*arguments): pytest in the test's own folder; all these tests share one cache of built models."""
    monkeypatch.setenv("CCACHE_DIR", CCACHE)
    base = tmp_path_factory.getbasetemp()
    cache = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "cache"
    # Plugins that these projects do not need, and that take long to load.
    lean = ("-p", "no:hypothesispytest", "-p", "no:anyio", "-o", f"cache_dir={cache}")
    return lambda *arguments: pytester.runpytest_subprocess(*lean, *map(str, arguments))


@pytest.fixture
def module(pytester: pytest.Pytester, designs: Path) -> Callable[..., Path]:
    """module(source, name="test_it", **options): write a test module, marked cocotb with these options."""

    def write(source: str, name: str = "test_it", **options: object) -> Path:
        options = {"toplevel": "slice", "sources": str(designs / "slice.v")} | options
        return pytester.makepyfile(**{name: f"{HEAD}pytestmark = pytest.mark.cocotb(**{options})\n{source}"})

    return write
