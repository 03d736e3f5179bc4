"""A test of the tests: each asserts something, none is skipped or expected to fail."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
FILES = sorted(path for path in TESTS.rglob("*.py"))
BANNED = {"skip", "skipif", "xfail", "importorskip"}


def functions(tree: ast.AST) -> dict[str, ast.FunctionDef | ast.AsyncFunctionDef]:
    return {
        node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def called(node: ast.AST) -> set[str]:
    """Last parts of the names that are called."""
    names = set()
    for call in ast.walk(node):
        if isinstance(call, ast.Call):
            target = call.func
            names.add(target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", ""))
    return names


def asserts(node: ast.AST, helpers: dict[str, bool]) -> bool:
    """Whether a function holds an assert, an expected error, or calls something that asserts."""
    if any(isinstance(part, ast.Assert) for part in ast.walk(node)):
        return True
    names = called(node)
    return any(name.startswith("assert") or name in ("raises", "fnmatch_lines") for name in names) or any(
        helpers.get(name, False) for name in names
    )


def helpers_that_assert() -> dict[str, bool]:
    """Functions of the suite that are no tests but assert, by name; found again until nothing changes."""
    known: dict[str, bool] = {}
    trees = [functions(ast.parse(path.read_text())) for path in FILES]
    while True:
        found = {
            name: asserts(node, known)
            for tree in trees
            for name, node in tree.items()
            if not name.startswith("test")
        }
        if found == known:
            return known
        known = found


HELPERS = helpers_that_assert()


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(TESTS)))
def test_every_test_asserts(path: Path) -> None:
    tests = {
        name: node
        for name, node in functions(ast.parse(path.read_text())).items()
        if name.startswith("test_")
    }
    assert [name for name, node in tests.items() if not asserts(node, HELPERS)] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(TESTS)))
def test_nothing_is_skipped(path: Path) -> None:
    names = {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
    assert not names & BANNED


def test_this_test_sees_an_empty_test() -> None:
    empty, full = (ast.parse(f"def test_x():\n    {body}").body[0] for body in ("run()", "assert run()"))
    assert not asserts(empty, {})
    assert asserts(full, {})
    assert asserts(empty, {"run": True})
