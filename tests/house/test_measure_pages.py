"""The pages of the measures: one each, and what they show is what the code does today."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs import measure_pages
from tests.house.pages import blocks, links
from tests.house.sources import ROOT

PAGES = measure_pages.pages()
OF_MEASURES = [page for page in PAGES if page.name != "README.md"]
HEADINGS = ["Definition", "Columns", "Example", "Related"]
IMAGES = ROOT / "docs" / "images"
MOST_BYTES = 80_000


def _named(page: Path) -> str:
    return page.stem


def test_every_measure_has_a_page():
    """A public measure has a page of its name, and a page is of a public measure."""
    assert [page.stem for page in OF_MEASURES] == measure_pages.names()


@pytest.mark.parametrize("page", PAGES, ids=_named)
def test_page_is_what_the_code_does(page: Path, sample_lake: Path, monkeypatch):
    """Signature, options, columns and everything printed are what the measure says and does today."""
    monkeypatch.setenv("ARGUS_LAKE", str(sample_lake))
    assert measure_pages.filled(page) == page.read_text(encoding="utf-8"), "run: make docs"


@pytest.mark.parametrize("page", OF_MEASURES, ids=_named)
def test_page_answers_in_the_same_order(page: Path):
    """A page begins with its question, says how to call it, then defines, lists columns, shows, leads on."""
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"# {page.stem}\n\n**")
    assert re.search(r"\?\*\*\n\n<!-- made: call -->", text)
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == HEADINGS


@pytest.mark.parametrize("page", OF_MEASURES, ids=_named)
def test_page_shows_what_its_code_prints(page: Path):
    """An example prints, and its output stands below it."""
    found = blocks(page)
    assert "<!-- printed -->" in page.read_text(encoding="utf-8")
    assert any("print(" in block.code for block in found if block.language == "python")


def test_overview_names_every_measure():
    """From the overview one gets to each of them."""
    named = {Path(link).stem for link in links(measure_pages.FOLDER / "README.md")}
    assert set(measure_pages.names()) <= named


def test_pictures_are_small_and_used():
    """A committed picture weighs at most 80 kB, and some page shows it."""
    shown = {
        (page.parent / link).resolve()
        for page in (ROOT / "docs").rglob("*.md")
        for link in links(page)
        if "://" not in link
    }
    for path in IMAGES.iterdir():
        assert path.stat().st_size <= MOST_BYTES, path.name
        assert path in shown, path.name
