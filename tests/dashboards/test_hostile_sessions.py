"""Whatever stands in a trace, the page of sessions shows it as text: nothing runs, nothing is fetched."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from argus_lab.dashboards.choices import Choices
from argus_lab.dashboards.digest import Digest
from argus_lab.dashboards.opened import opened
from argus_lab.dashboards.replay import exported
from argus_lab.display.markup import ELEMENTS
from argus_lab.schema import SPANS
from argus_lab.testing import make_span
from tests.dashboards.conftest import PATIENCE, Server
from tests.display.payloads import PAYLOADS, in_json
from tests.lake_read.lakes import write

expect.set_options(timeout=PATIENCE * 1000)
ACTIVE = [
    payload
    for payload in PAYLOADS
    if len(payload) < 1_000 and "\x00" not in payload and payload.isprintable()
]
NAMES = {"trace_id", "span_id", "parent_span_id", "org", "kind", "status", "session_source", "component_type"}
NAMES |= {"span_type", "step_kind", "dialect", "usage_source"}
TEXTS = [column.name for column in SPANS.columns if column.type == "string" and column.name not in NAMES]


def _rows() -> list[dict[str, Any]]:
    """For each payload a session of three steps with it in every text, project and session included."""
    rows = []
    for at, payload in enumerate(ACTIVE):
        for step in range(3):
            made = make_span(4 * at + step)
            texts = dict.fromkeys(TEXTS, payload) | {"project": payload.replace("/", "⁄")[:60]}
            rows.append(made | texts | in_json(payload) | {"session_source": "attribute"})
    return rows


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A lake in which every text is hostile."""
    lake = str(tmp_path_factory.mktemp("hostile") / "lake")
    write(lake, _rows())
    return lake


def _unharmed(page: Page) -> None:
    """Nothing ran, and within the page's own components there are none but known elements."""
    assert page.evaluate("typeof window.marker") == "undefined"
    names = page.evaluate(
        """() => { const found = new Set(); const go = (root) => {
        for (const each of root.querySelectorAll('*')) {
        if (each.closest('.argus-lab')) found.add(each.localName);
        if (each.shadowRoot) go(each.shadowRoot); } };
        go(document); return [...found] }"""
    )
    assert set(names) <= ELEMENTS
    assert (
        page.evaluate(
            """() => { let bad = 0; const go = (root) => {
        for (const each of root.querySelectorAll('*')) {
        if (['IFRAME', 'FORM', 'OBJECT', 'META'].includes(each.tagName) && root !== document) bad += 1;
        for (const name of each.getAttributeNames()) if (name.startsWith('on')) bad += 1;
        if (each.shadowRoot) go(each.shadowRoot); } }; go(document); return bad }"""
        )
        == 0
    )


def test_nothing_runs_in_table_and_choices(
    pages: Callable[..., Server], tab: Callable[..., Page], hostile: str
):
    """The table with every payload, and each list of choices, open."""
    page = tab(f"{pages(hostile).url}/sessions")
    expect(page.locator("tbody tr")).to_have_count(min(50, len(ACTIVE)))
    for button in ("Project", "Service", "Model", "Type", "Status"):
        page.get_by_role("button", name=button, exact=True).click()
        expect(page.locator(".pop")).to_be_visible()
        page.locator(".pop label").last.hover()
        page.keyboard.press("Escape")
    for row in page.locator("tbody tr").all()[:3]:
        row.hover()
    _unharmed(page)


@pytest.mark.slow
def test_nothing_runs_in_any_session(pages: Callable[..., Server], tab: Callable[..., Page], hostile: str):
    """Every session with every part of its rounds and steps, everything unfolded, and the conversation."""
    page = tab(f"{pages(hostile).url}/sessions")
    page.locator("tbody tr").first.click()
    for left in reversed(range(len(ACTIVE))):
        expect(page.get_by_role("heading", level=2)).to_be_visible()
        for part in ("Execution", "Result", "Raw", "Request"):
            page.get_by_role("tab", name=part).click()
            expect(page.get_by_role("tab", name=part)).to_have_attribute("aria-selected", "true")
            page.evaluate(UNFOLD)
        _unharmed(page)
        after = page.get_by_role("button", name="Next session")
        if not left:
            expect(after).to_be_disabled()
            break
        place = page.url
        after.click()
        page.wait_for_function("(before) => location.href !== before", arg=place)
    page.get_by_role("tab", name="Conversation").click()
    expect(page.locator(".wide .argus-lab")).to_be_visible()
    page.evaluate(UNFOLD)
    _unharmed(page)
    page.get_by_role("tab", name="Waterfall").click()
    expect(page.locator(".bk-Figure canvas").first).to_be_visible()
    page.locator(".bk-Figure").hover()
    _unharmed(page)


UNFOLD = """() => { const go = (root) => { for (const each of root.querySelectorAll('*')) {
if (each.localName === 'details') each.open = true; if (each.shadowRoot) go(each.shadowRoot); } };
go(document) }"""


def test_markdown_holds_payloads_in_fences(hostile: str):
    """What is copied is text in code marks that no payload can close."""
    digest = Digest(hostile)
    digest.wait(60)
    for row in digest.sessions(Choices(), limit=len(ACTIVE)).rows:
        text = exported(opened(digest, row), "markdown")["text"]
        inside, marks = False, ""
        for line in text.splitlines():
            if not inside and line.startswith("```"):
                inside, marks = True, line.removesuffix("text")
            elif inside and line == marks:
                inside = False
            elif not inside:
                assert not line.lstrip().startswith(("<script", "<img", "<iframe", "<meta"))
        assert not inside
