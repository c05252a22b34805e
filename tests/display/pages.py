"""Reading a page back with an HTML parser: what elements, attributes and texts it has."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from argus_lab.display.markup import ATTRIBUTES, ELEMENTS, REL
from argus_lab.display.page import NO_FORMULAS

EMPTY = {"img", "hr", "br"}
CLASS = re.compile(rf"(?:argus-lab {NO_FORMULAS}|al-[a-z-]+(?: al-[a-z-]+)*)\Z")
STYLE = re.compile(r"(?:(?:left|width):\d+\.\d+%|padding-left:\d+px)(?:;width:\d+\.\d+%)?\Z")
ADDRESS = re.compile(r"(?:https?|mailto):", re.IGNORECASE)
PICTURE = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/]+=*\Z")
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class Page(HTMLParser):
    """A page as a list of elements and its texts; complains about anything out of the vocabulary."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.style = ""
        self.stack: list[str] = []
        self.feed(html)
        self.close()
        assert not self.stack, f"left open: {self.stack}"

    @property
    def text(self) -> str:
        """All that a reader sees."""
        return "".join(self.texts)

    def count(self, name: str, cls: str | None = None) -> int:
        """How many elements there are of this name, and class."""
        return len([1 for tag, found in self.elements if tag == name and cls in {None, *_classes(found)}])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element begins."""
        found = dict(attrs)
        assert tag in ELEMENTS, tag
        assert len(found) == len(attrs), attrs
        for name, value in attrs:
            assert name in ATTRIBUTES, (tag, name)
            _check(tag, name, value, found)
        self.elements.append((tag, found))
        if tag not in EMPTY:
            self.stack.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """An element ends."""
        assert self.stack, f"closed without being open: {tag}"
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        """Text."""
        if self.stack and self.stack[-1] == "style":
            self.style += data
            return
        assert self.stack or not data.strip(), data
        assert not UNSEEN.search(data), ascii(UNSEEN.search(data))
        self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        """A comment."""
        raise AssertionError(f"a comment: {data}")

    def handle_decl(self, decl: str) -> None:
        """A declaration."""
        raise AssertionError(f"a declaration: {decl}")

    def handle_pi(self, data: str) -> None:
        """An instruction."""
        raise AssertionError(f"an instruction: {data}")

    def unknown_decl(self, data: str) -> None:
        """A declaration of another kind."""
        raise AssertionError(f"a declaration: {data}")


def _classes(found: dict[str, str | None]) -> list[str]:
    return (found.get("class") or "").split()


def _check(tag: str, name: str, value: str | None, found: dict[str, str | None]) -> None:
    """Values are of the forms that this room writes."""
    text = value or ""
    assert not UNSEEN.search(text), ascii(text)
    if name == "class":
        assert CLASS.match(text), text
    elif name == "style":
        assert STYLE.match(text), text
    elif name == "href":
        assert tag == "a"
        assert ADDRESS.match(text), text
        assert found.get("rel") == REL
    elif name == "src":
        assert tag == "img"
        assert PICTURE.match(text), text[:80]
    elif name == "dir":
        assert text == "auto"
    elif name == "scope":
        assert text in {"col", "row"}
