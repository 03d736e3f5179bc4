"""The README and the pages: their code runs, their links lead somewhere, no command or option is left out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer.main

from hwsim.cli.app import app

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
NO_OPTIONS = {"--help"}


def test_the_python_of_the_readme_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert len(blocks) == 3
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), names)
    said = capsys.readouterr().out
    assert "(4, 4, 16, 16)" in said
    for name in ("onnxruntime", "onnxruntime_fast", "onnx_reference", "pytorch", "rtl", "native"):
        assert f"'{name}': True" in said
    assert said.endswith("{} None\n")
    assert names["score"].shape == (4, 20, 20)
    assert names["out"].shape == (4, 20, 16)


def test_the_first_example_is_ten_lines() -> None:
    (block, *_) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert len([line for line in block.splitlines() if line.strip()]) <= 10


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_commands_page_names_every_command_and_option() -> None:
    page = (ROOT / "docs" / "commands.md").read_text()
    group = typer.main.get_command(app)
    commands = dict(group.commands) | {
        f"{one} {name}": command
        for one in ("rtl", "onnx", "bench")
        for name, command in group.commands[one].commands.items()
    }
    for name, command in commands.items():
        assert name.split()[-1] in page, name
        for parameter in command.params:
            for option in set(parameter.opts) - NO_OPTIONS:
                assert not option.startswith("-") or option in page, f"{name} {option}"


def test_commands_shown_anywhere_exist() -> None:
    known = set(typer.main.get_command(app).commands)
    for page in PAGES:
        shown = re.findall(r"^(?:    |.*`)hwsim (\w+)", page.read_text(), re.MULTILINE)
        assert set(shown) <= known, page.name


def test_scripts_of_the_readme_are_executable() -> None:
    shown = set(re.findall(r"^\./(\S+)", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert shown == {"demo.sh", "test.sh"}
    for script in (*shown, ".ci/run", ".ci/setup.sh"):
        assert (ROOT / script).stat().st_mode & 0o111, script
