"""Words: British spelling, nothing of the machine it was written on, nothing left to do."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.house.pages import pages
from tests.house.sources import ROOT, files, modules

AMERICAN = {
    "analyze",
    "analyzed",
    "behavior",
    "canceled",
    "center",
    "color",
    "favorite",
    "honor",
    "labeled",
} | {
    "initialize",
    "license",
    "modeling",
    "normalize",
    "normalized",
    "normalizer",
    "optimize",
    "organization",
    "recognize",
    "recognized",
    "sanitize",
    "serialize",
    "serialized",
    "summarize",
    "traveling",
}

MACHINE = {
    "a home folder": re.compile(r"/(?:home|Users)/(?!you\b|me\b)\w+/"),
    "the work folder": re.compile(r"(?<![\w.])/(?:work|root)/\w+"),
    "a temporary folder": re.compile(r"(?<![\w.])/tmp/\w"),
    "an index of packages": re.compile(
        r"--?(?:extra-)?index-url|--find-links|https?://\S+\.(?:whl|tgz)\b|https?://\S+/simple/"
    ),
    "a private address": re.compile(r"\b(?:10\.\d+|192\.168)\.\d+\.\d+\b"),
}

SAYS_SO_ITSELF = {"tests/house/test_words.py", "docs/generate.py"}


def _prose(page: Path) -> str:
    text = page.read_text(encoding="utf-8")
    text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`]*`|\]\([^)]*\)|https?://\S+", " ", text)


def _docstrings(tree: ast.Module) -> str:
    holders = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    return "\n".join(ast.get_docstring(node) or "" for node in ast.walk(tree) if isinstance(node, holders))


def _american(text: str) -> set[str]:
    plain = re.sub(r"``[^`]*``|`[^`]*`|^\s*(?:>>>|\.\.\.).*$", " ", text, flags=re.MULTILINE)
    return {word for word in re.findall(r"[a-z]+", plain.lower()) if word in AMERICAN}


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_pages_are_spelt_british(page: Path):
    """Prose keeps one spelling; names of an API stand in backticks and keep theirs."""
    assert not _american(_prose(page))


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.name)
def test_docstrings_are_spelt_british(module):
    """The same in docstrings."""
    assert not _american(_docstrings(module.tree()))


def test_files_know_no_machine():
    """No file names a folder, an address or a package index of the machine it was written on."""
    found = [
        f"{path.relative_to(ROOT)}: {what}: {match[0]}"
        for path in files()
        if path.relative_to(ROOT).as_posix() not in SAYS_SO_ITSELF
        for what, pattern in MACHINE.items()
        if (match := pattern.search(path.read_text(encoding="utf-8", errors="replace")))
    ]
    assert not found


def test_nothing_is_left_to_do():
    """Work that remains is an issue, not a note in the code."""
    marks = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b")
    found = [
        path.relative_to(ROOT).as_posix()
        for path in files(".py", ".md", ".js", ".mjs", ".toml", ".yml")
        if path.name != "test_words.py" and marks.search(path.read_text(encoding="utf-8"))
    ]
    assert not found


def test_files_end_well():
    """Text is UTF-8, uses line feeds, ends with one, and holds no conflict marker."""
    for path in files(".py", ".pyi", ".md", ".toml", ".yml", ".txt", ".svg", ".mjs"):
        text = path.read_bytes().decode("utf-8")
        assert "\r" not in text, path
        assert not text or (text.endswith("\n") and not text.endswith("\n\n")), path
        assert not re.search(r"^(?:<{7}|>{7}) ", text, re.MULTILINE), path
