"""What is shown runs, what is generated equals the code, and every link leads somewhere."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import httpx
import pytest

from argus_lab.settings import ROWS
from docs import generate
from tests.house.pages import Block, anchors, blocks, curls, links, pages
from tests.house.sources import ROOT

RUN_TIMEOUT_S = 120


def _named(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.fixture(params=pages(), ids=_named)
def page(request: pytest.FixtureRequest) -> Path:
    """Each page of the documentation in turn."""
    return request.param


@pytest.mark.parametrize("path", generate.pages().keys(), ids=_named)
def test_generated_page_equals_the_code(path: Path):
    """A page made from the code says what the code says; `make docs` brings it up to date."""
    assert path.read_text(encoding="utf-8") == generate.pages()[path], "run: make docs"


def test_every_setting_is_documented():
    """Each setting's name, variable and meaning stand on the settings page."""
    text = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    for row in ROWS:
        assert f"| `{row.name}` | `{row.variable}` |" in text


def test_only_real_variables_are_named():
    """A page names no ``ARGUS_*`` variable that neither a setting nor a test reads."""
    tests = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "durability").glob("*.py"))
    known = {row.variable for row in ROWS} | set(re.findall(r'environ\.get\("(ARGUS_[A-Z_]+)"', tests))
    for found in pages():
        named = set(re.findall(r"\bARGUS_[A-Z_]+\b", found.read_text(encoding="utf-8")))
        assert named <= known, _named(found)


def test_links_lead_somewhere(page: Path):
    """A relative link names a file of the repository, and its anchor a heading of that page."""
    for link in links(page):
        if "://" in link:
            continue
        target, _, anchor = link.partition("#")
        file = (page.parent / target).resolve() if target else page
        assert file.exists(), link
        if anchor:
            assert anchor in anchors(file), link


def test_every_page_can_be_found():
    """From the README, by links, one reaches every page."""
    seen: set[Path] = set()
    ahead = [ROOT / "README.md"]
    while ahead:
        at = ahead.pop()
        if at in seen:
            continue
        seen.add(at)
        targets = [(at.parent / link.partition("#")[0]).resolve() for link in links(at) if "://" not in link]
        ahead += [target for target in targets if target.suffix == ".md" and target.is_file()]
    assert set(pages()) <= seen


def test_blocks_name_their_language(page: Path):
    """A block is Python, shell, JavaScript, YAML, JSON, SQL or plain text, and says which."""
    known = {"python", "sh", "js", "yaml", "json", "sql", "text"}
    assert {block.language for block in blocks(page)} <= known


def _python(page: Path) -> list[Block]:
    return [block for block in blocks(page) if block.language == "python" and block.reason is None]


@pytest.mark.parametrize("page", [page for page in pages() if _python(page)], ids=_named)
def test_python_blocks_run(page: Path, sample_lake: Path, receiver: str, tmp_path: Path, monkeypatch):
    """The Python code of a page runs, top to bottom, in one interpreter, as its reader would run it."""
    monkeypatch.setenv("ARGUS_LAKE", str(sample_lake))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver)
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "argus.project=my-bot,service.name=docs")
    monkeypatch.setenv("ARGUS_RECEIVER", receiver)
    shown = "\n".join(f"# {block.where}\n{block.code}" for block in _python(page))
    script = tmp_path / "page.py"
    here = receiver.removeprefix("http://")
    script.write_text(shown.replace("//127.0.0.1:4000", f"//{here}"), encoding="utf-8")
    run = subprocess.run(
        [sys.executable, script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=RUN_TIMEOUT_S,
        check=False,
    )
    assert run.returncode == 0, f"{shown}\n{run.stderr}"
    assert not run.stderr, f"an exporter that fails only logs it:\n{run.stderr}"


CURLS = [(block, curl) for page in pages() for block in blocks(page) for curl in curls(block)]


@pytest.mark.parametrize(
    ("block", "curl"), CURLS, ids=[f"{block.where}-{curl.path}" for block, curl in CURLS]
)
def test_curl_lines_work(block: Block, curl, receiver: str):
    """A curl command that is shown, sent as written to a receiver, succeeds."""
    if curl.path == "/v1/traces" and curl.headers.get("Content-Type") == "application/json":
        json.loads(curl.body)
    answer = httpx.request(
        curl.method, receiver + curl.path, headers=curl.headers, content=curl.body, timeout=RUN_TIMEOUT_S
    )
    assert answer.status_code == 200, f"{block.where}: {answer.status_code} {answer.text}"


@pytest.mark.parametrize(
    "block",
    [block for page in pages() for block in blocks(page) if block.language == "sh"],
    ids=lambda block: block.where,
)
def test_shell_blocks_are_shell(block: Block):
    """A shell block can be pasted: the shell can read it, and it shows no prompt."""
    subprocess.run(["sh", "-n"], input=block.code, text=True, check=True)
    assert not any(line.startswith("$ ") for line in block.code.splitlines())


def test_shown_commands_exist():
    """Every ``make`` target and ``argus-lab`` command that a page shows is there."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    help_text = subprocess.run(
        [sys.executable, "-m", "argus_server", "--help"], capture_output=True, text=True, check=True
    ).stdout
    for found in pages():
        for block in blocks(found):
            if block.language == "sh" and block.reason is None:
                assert set(re.findall(r"^make ([a-z]+)", block.code, re.MULTILINE)) <= targets, block.where
                for command in re.findall(r"^argus-lab ([a-z]+)", block.code, re.MULTILINE):
                    assert re.search(rf"\b{command}\b", help_text), f"{block.where}: argus-lab {command}"


def test_the_changelog_knows_this_version():
    """The version in pyproject.toml has its section, or its changes stand under Unreleased."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    text = (ROOT / "docs" / "changelog.md").read_text(encoding="utf-8")
    assert "## [Unreleased]" in text
    assert f"## [{version}]" in text or text.index("## [Unreleased]") < text.index("### Added")


def test_decisions_are_numbered_without_gaps():
    """A decision has the next number, the four parts, and a status."""
    found = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    assert [int(path.name[:4]) for path in found] == list(range(len(found)))
    for path in found:
        text = path.read_text(encoding="utf-8")
        heads = [line for line in text.splitlines() if line.startswith("## ")]
        assert heads == ["## Status", "## Context", "## Decision", "## Consequences"], path.name
