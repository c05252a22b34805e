"""Small: modules under 300 lines, functions under 40, names that say what the subject is."""

from __future__ import annotations

import ast

from tests.house.sources import modules

MODULE_LINES = 300
FUNCTION_LINES = 40

LONG_MODULES: dict[str, str] = {
    "argus_lab.schema": "one table: a row a column",
}
"""Module -> why it is longer than the limit."""

LONG_FUNCTIONS: dict[str, str] = {}
"""``module.function`` -> why it is longer than the limit."""

NO_SUBJECT = {"base", "common", "helper", "helpers", "manager", "managers", "misc", "util", "utils"}


def _functions():
    for module in modules():
        for node in ast.walk(module.tree()):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield module, node


def _code_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from the first statement to the last; signature and docstring are for the reader."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_modules_are_short():
    """A module over the limit gives its reason; a reason that is no longer needed goes."""
    long = {
        module.name
        for module in modules()
        if len(module.path.read_text(encoding="utf-8").splitlines()) > MODULE_LINES
    }
    assert long == LONG_MODULES.keys()


def test_functions_are_short():
    """A function over the limit gives its reason; a reason that is no longer needed goes."""
    long = {
        f"{module.name}.{node.name}": _code_lines(node)
        for module, node in _functions()
        if _code_lines(node) > FUNCTION_LINES
    }
    assert long.keys() == LONG_FUNCTIONS.keys(), long


def test_signatures_are_narrow():
    """At most six parameters: the same limit ruff holds, without its escape hatch noqa but for table rows."""
    wide = {
        f"{module.name}.{node.name}"
        for module, node in _functions()
        if len([a for a in _arguments(node) if a not in {"self", "cls"}]) > 6
    }
    allowed = {"argus_lab.schema._c"}  # a table row, read across
    assert wide <= allowed


def test_modules_are_named_for_a_subject():
    """No drawer for odds and ends."""
    names = {module.name: module.path.stem.strip("_") for module in modules()}
    folders = {module.name: part for module in modules() for part in module.name.split(".")}
    assert not [name for name, stem in (names | folders).items() if stem in NO_SUBJECT]


def _arguments(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    given = node.args
    return [argument.arg for argument in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
