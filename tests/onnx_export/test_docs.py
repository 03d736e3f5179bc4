"""The example of the documentation runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import onnx
import pytest

from hwsim.onnx_export.profiles import OPERATORS

PAGE = (Path(__file__).parents[2] / "docs" / "onnx.md").read_text()


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(example, "docs/onnx.md", "exec"), {})
    assert onnx.load(tmp_path / "model.onnx").graph.output[-1].name == "logits"


def test_the_page_lists_the_operators() -> None:
    (row,) = re.findall(r"\| operators \| (.*?) \|", PAGE)
    assert set(row.split(", ")) == OPERATORS
