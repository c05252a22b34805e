"""The documentation as values: its pages, their code blocks, their links."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from tests.house.sources import ROOT

NOT_RUN = re.compile(r"<!-- not run: (.{10,}?) -->\s*$")


@dataclass(frozen=True)
class Block:
    """One fenced block of a page; ``reason`` says why it is shown but not run."""

    page: Path
    line: int
    language: str
    code: str
    reason: str | None

    @property
    def where(self) -> str:
        """Page and line, for a failure's message."""
        return f"{self.page.relative_to(ROOT).as_posix()}:{self.line}"


@dataclass
class Curl:
    """A curl command, taken apart as far as the pages use it."""

    url: str = ""
    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def path(self) -> str:
        """The URL without scheme, host and port."""
        return urlsplit(self.url).path


def pages() -> list[Path]:
    """README and every page under docs."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path) -> list[Block]:
    """The fenced code blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in re.finditer(r"^```(\S*)[^\n]*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        before = text[: match.start()]
        reason = NOT_RUN.search(before)
        line = before.count("\n") + 2
        found.append(Block(page, line, match[1], match[2], reason[1] if reason else None))
    return found


def links(page: Path) -> list[str]:
    """Targets of the page's links and pictures, code left out."""
    prose = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"\]\(([^)\s]+)\)", prose)


def anchors(page: Path) -> set[str]:
    """The anchors that a page's headings make."""
    heads = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def curls(block: Block) -> list[Curl]:
    """The curl commands of a shell block."""
    lines = block.code.replace("\\\n", " ").splitlines()
    return [_curl(shlex.split(line)[1:]) for line in lines if line.startswith("curl ")]


def _curl(words: list[str]) -> Curl:
    command = Curl()
    rest = iter(words)
    for word in rest:
        if word in {"-X", "--request"}:
            command.method = next(rest)
        elif word in {"-H", "--header"}:
            name, value = next(rest).split(":", 1)
            command.headers[name] = value.strip()
        elif word in {"-d", "--data", "--data-binary"}:
            given = next(rest)
            command.body = (ROOT / given[1:]).read_bytes() if given.startswith("@") else given.encode()
            command.method = "POST"
        elif word in {"-s", "-sS", "-i", "--fail"}:
            continue
        elif word.startswith("-"):
            raise ValueError(f"teach this test the curl option {word}")
        else:
            command.url = word
    return command
