"""The tests themselves: each says what it proves, and none looks away."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.house.sources import ROOT

TESTS = sorted(path for path in (ROOT / "tests").rglob("test_*.py") if "node_modules" not in path.parts)


def _named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.fixture(params=TESTS, ids=_named)
def tree(request: pytest.FixtureRequest) -> ast.Module:
    """The syntax tree of each test file in turn."""
    return ast.parse(request.param.read_text(encoding="utf-8"))


def _tests(tree: ast.Module) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    functions = ast.FunctionDef | ast.AsyncFunctionDef
    return [n for n in ast.walk(tree) if isinstance(n, functions) and n.name.startswith("test_")]


def test_every_test_says_what_it_proves(tree: ast.Module):
    """A failing test's docstring tells what is no longer true."""
    assert not [node.name for node in _tests(tree) if not ast.get_docstring(node)]


def test_no_test_can_look_away(tree: ast.Module):
    """No skip, no expected failure, no importorskip: what cannot run fails."""
    ways_out = {"skip", "skipif", "importorskip", "xfail"}
    assert not [
        f"line {n.lineno}" for n in ast.walk(tree) if isinstance(n, ast.Attribute) and n.attr in ways_out
    ]


def test_no_test_is_written_twice(tree: ast.Module):
    """Two tests of one name in one scope would be one test."""
    for scope in ast.walk(tree):
        if isinstance(scope, ast.Module | ast.ClassDef):
            names = [
                node.name for node in scope.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            ]
            assert len(names) == len(set(names))


FIXTURES = sorted(path for path in (ROOT / "tests").rglob("*.py") if "node_modules" not in path.parts)


def test_a_browser_lasts_a_module_at_most():
    """One place starts browsers; no wider fixture holds one, or other modules' ``asyncio.run`` fails."""
    starters, wide = [], []
    for path in FIXTURES:
        words = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(words)):
            if isinstance(node, ast.ImportFrom) and "sync_playwright" in {name.name for name in node.names}:
                starters.append(_named(path))
            if isinstance(node, ast.FunctionDef) and "chromium(" in ast.unparse(node.body):
                kinds = " ".join(ast.unparse(each) for each in node.decorator_list)
                wide += [f"{_named(path)}: {node.name}"] if re.search("session|package", kinds) else []
    assert starters == ["tests/browsers.py"]
    assert wide == []
