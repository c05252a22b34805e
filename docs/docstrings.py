"""Docstrings as the pages use them: numpy sections whose definition lists say what each column means."""

from __future__ import annotations

import inspect
import re
from typing import Any

LISTS = {"Parameters": "``{}``", "Attributes": "``{}``", "Raises": ":exc:`{}`"}
"""Sections that are lists of names -> how a name is shown."""
TERM = re.compile(r"``\w+``(?:, ``\w+``)*(?: \(.+\)|, and .+)?")
"""Columns that are explained together, and what stands beside them: ``(with ...)`` or ``, and ...``."""
WRAPPED = re.compile(r"``\w+``(?:, ``\w+``)*,")


def text_of(thing: Any) -> str:
    """The docstring without its indentation, each term of a definition list on one line."""
    return "\n".join(with_whole_terms((inspect.getdoc(thing) or "").splitlines()))


def with_whole_terms(lines: list[str]) -> list[str]:
    """The lines, with those joined that are one term: ReStructuredText wants a term on one line."""
    found: list[str] = []
    for line in lines:
        if found and WRAPPED.fullmatch(found[-1].strip()) and line.strip().startswith("``"):
            found[-1] = f"{found[-1].rstrip()} {line.strip()}"
        else:
            found.append(line)
    return found


def sections(text: str) -> dict[str, str]:
    """The numpy sections by heading; what stands before the first is called ''."""
    parts = re.split(r"^(\w[\w ]*)\n-{3,}\n", text, flags=re.MULTILINE)
    named = zip(parts[1::2], (part.strip("\n") for part in parts[2::2]), strict=True)
    return {"": parts[0].strip()} | dict(named)


def terms(section: str, term: re.Pattern[str] = TERM) -> list[tuple[str, str]]:
    """Each term of a section's definition list, and what is said of it."""
    found: list[tuple[str, list[str]]] = []
    for line in section.splitlines():
        if line.startswith("    ") and found:
            found[-1][1].append(line.strip())
        elif line and term.fullmatch(line):
            found.append((line, []))
    return [(shown, " ".join(said)) for shown, said in found]


def around(section: str) -> tuple[str, str]:
    """What a section says before its definition list, and after it."""
    paragraphs = section.split("\n\n")
    listed = [n for n, text in enumerate(paragraphs) if TERM.fullmatch(text.partition("\n")[0])]
    if not listed:
        return section, ""
    return "\n\n".join(paragraphs[: listed[0]]), "\n\n".join(paragraphs[listed[-1] + 1 :])


def restructured(text: str) -> list[str]:
    """The lines of a docstring as plain ReStructuredText: a section becomes a small heading over its text."""
    found: list[str] = []
    for heading, section in sections(text).items():
        found += ["", f".. rubric:: {heading}", ""] if heading else []
        for line in section.splitlines():
            is_name = heading in LISTS and line and not line.startswith((" ", "`"))
            found.append(_named(line, LISTS[heading]) if is_name else line)
    return [*found, ""]


def _named(line: str, shown: str) -> str:
    """``a, b : type`` with each name in the form that ``shown`` gives it."""
    names, colon, kind = line.partition(" : ")
    return ", ".join(shown.format(name) for name in names.split(", ")) + colon + kind
