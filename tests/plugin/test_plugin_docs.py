"""The example of the documentation runs as it is printed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hwsim.pytest_plugin.design import KEYS, SIMULATORS

pytest_plugins = ["pytester"]

PAGE = Path(__file__).parents[2] / "docs" / "pytest_plugin.md"


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_the_ten_lines_run(run, pytester, designs, simulator):
    example = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)[0]
    assert len([line for line in example.splitlines() if line.strip()]) <= 10
    pytester.makepyfile(test_double=example)
    (pytester.path / "double.v").write_text((designs / "double.v").read_text())
    result = run("--sim", simulator, "-v")
    result.assert_outcomes(passed=2)
    for lanes in (1, 4):
        name = f"doubles[{simulator}-Lanes={lanes}]"
        result.stdout.fnmatch_lines([f"test_double.py::{name.replace('[', '[[]')} PASSED*"])
        assert name in PAGE.read_text() or simulator == "icarus"


def test_the_page_names_every_keyword_and_option(run):
    text = PAGE.read_text()
    options = re.findall(
        r"^  (--[a-z-]+)", run("--help").stdout.str().partition("(hwsim)")[2].partition("\n\n")[0], re.M
    )
    assert len(options) == 5
    assert [word for word in [*KEYS, *options] if word not in text] == []
