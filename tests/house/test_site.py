"""The site: built without a warning, complete, offline, and with no link that leads nowhere."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from docs import reference_pages, website

ASSETS = {
    "audio": "src",
    "embed": "src",
    "iframe": "src",
    "image": "href",
    "img": "src",
    "link": "href",
    "object": "data",
    "script": "src",
    "source": "src",
    "use": "href",
    "video": "src",
}
"""Element -> the attribute with which it loads something."""


@dataclass
class Page(HTMLParser):
    """What an HTML page loads, where it links to, and what can be linked to in it."""

    path: Path
    loads: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Read the page."""
        super().__init__()
        self.feed(self.path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take what the element says."""
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag in ASSETS and ASSETS[tag] in given:
            self.loads.append(given[ASSETS[tag]])
        self.loads += [part.split()[0] for part in given.get("srcset", "").split(",") if part.strip()]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` builds it: a warning would have ended it."""
    place = tmp_path_factory.mktemp("site") / "html"
    website.build(place)
    return place


@cache
def _page(path: Path) -> Page:
    return Page(path)


def _pages(site: Path) -> list[Page]:
    return [_page(path) for path in sorted(site.rglob("*.html"))]


def test_every_public_name_is_in_the_reference(site: Path):
    """Each name of the front door and of the figures has its place in the reference, with a signature."""
    anchors = {anchor for path in (site / "api").glob("*.html") for anchor in _page(path).anchors}
    assert {entry.path for entry in reference_pages.entries()} <= anchors


def test_every_public_name_says_what_it_is():
    """No name stands in the reference without a sentence about it."""
    assert not [entry.path for entry in reference_pages.entries() if not entry.summary]


def test_every_page_of_the_repository_is_there(site: Path):
    """README and each page under docs became a page of the site."""
    sources = [website.ROOT / website.HOME, *(website.ROOT / "docs").rglob("*.md")]
    built = {path.relative_to(site).with_suffix("").as_posix() for path in site.rglob("*.html")}
    for source in sources:
        inside = source.relative_to(website.ROOT).as_posix().removeprefix("docs/").removesuffix(".md")
        assert re.sub(r"README$", "index", inside) in built, inside


def test_nothing_is_loaded_from_the_network(site: Path):
    """Pages load their scripts, styles, fonts and pictures from the site itself."""
    for page in _pages(site):
        assert not [load for load in page.loads if urlsplit(load).netloc], page.path
    for sheet in site.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        assert not re.findall(r"url\(\s*[\"']?(?:https?:)?//|@import\s+[\"'](?:https?:)?//", text), sheet.name


def test_links_and_anchors_lead_somewhere(site: Path):
    """Each internal link names a file of the site, and an anchor that the page has."""
    for page in _pages(site):
        for link in [*page.links, *page.loads]:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc or link == "#":
                continue
            target = (page.path.parent / unquote(parts.path)).resolve() if parts.path else page.path
            assert target.is_file(), f"{page.path.relative_to(site)}: {link}"
            if parts.fragment and target.suffix == ".html":
                assert unquote(parts.fragment) in _page(target).anchors, (
                    f"{page.path.relative_to(site)}: {link}"
                )


def test_a_warning_ends_the_build(tmp_path: Path, monkeypatch, capfd):
    """A page that links to a heading that is not there is not published."""
    broken = website.moved

    def with_broken_link(text, source, layout):
        extra = "\n[nowhere](#there-is-no-such-heading)\n" if source == website.HOME else ""
        return broken(text, source, layout) + extra

    monkeypatch.setattr(website, "moved", with_broken_link)
    with pytest.raises(SystemExit):
        website.build(tmp_path / "html")
    assert "there-is-no-such-heading" in capfd.readouterr().err
    assert not (tmp_path / "html").exists()
