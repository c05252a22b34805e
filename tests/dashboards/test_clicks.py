"""A click is not lost to a page that is drawn anew between the button's going down and its coming up."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.dashboards.conftest import PATIENCE, Server

expect.set_options(timeout=PATIENCE * 1000)
AGAIN = """() => {
  for (const each of Bokeh.documents[0]._all_models.values()) {
    const told = each.data?.told;
    if (told) each.data.told = { ...told, again: (told.again ?? 0) + 1 };
  }
}"""
"""Every component of the page is told the same once more."""


def _drawn_meanwhile(page: Page, target: Locator) -> None:
    """Click, and have the page drawn anew while the button is down."""
    target.hover()
    page.mouse.down()
    page.evaluate(AGAIN)
    page.mouse.up()


@pytest.fixture
def sessions(pages: Callable[..., Server], support: str, tab: Callable[..., Page]) -> Page:
    """The table of sessions."""
    page = tab(f"{pages(support).url}/sessions?since=2020-01-01T00:00Z")
    expect(page.locator("tbody tr")).to_have_count(50)
    return page


def test_in_the_head(sessions: Page):
    """A list of choices opens, one of it is ticked, all are cleared, Live is switched."""
    _drawn_meanwhile(sessions, sessions.get_by_role("button", name="Status", exact=True))
    _drawn_meanwhile(sessions, sessions.get_by_label("ERROR"))
    sessions.wait_for_url("**status=ERROR*")
    sessions.keyboard.press("Escape")
    _drawn_meanwhile(sessions, sessions.get_by_role("button", name="Clear"))
    sessions.wait_for_url(lambda url: "status" not in url)
    _drawn_meanwhile(sessions, sessions.get_by_role("switch", name="Live"))
    sessions.wait_for_url("**live=off*")


def test_back_takes_a_choice_back(sessions: Page):
    """What is chosen in the head is a step of the browser's history: back leads to what was there before."""
    whole = sessions.locator(".page > .foot span").first.inner_text()
    sessions.get_by_role("button", name="Status", exact=True).click()
    sessions.get_by_label("ERROR").check()
    sessions.wait_for_url("**status=ERROR*")
    sessions.go_back()
    sessions.wait_for_url(lambda url: "status" not in url)
    expect(sessions.locator(".page > .foot span").first).to_have_text(whole)


def test_live_is_switched_as_often_as_it_is_clicked(sessions: Page):
    """Two clicks, the second before the page has heard of the first, leave it as it was; three do not."""
    twice = "(button) => { button.click(); button.click(); }"
    live = sessions.get_by_role("switch", name="Live")
    live.evaluate(twice)
    expect(live).to_have_attribute("aria-checked", "true")
    live.evaluate("(button) => { button.click(); button.click(); button.click(); }")
    sessions.wait_for_url("**live=off*")
    expect(live).to_have_attribute("aria-checked", "false")


def test_in_the_table(sessions: Page):
    """The next page, and the row of a session."""
    _drawn_meanwhile(sessions, sessions.get_by_role("button", name="Next page"))
    sessions.wait_for_url("**page=2*")
    expect(sessions.locator(".foot")).to_contain_text("51–100")
    row = sessions.locator("tbody tr").nth(3)
    session = row.get_attribute("data-id")
    _drawn_meanwhile(sessions, row)
    sessions.wait_for_url(f"**session={session}*")


PASSED = """(rows) => rows.slice(0, 8).forEach((row) => row.dispatchEvent(
  new PointerEvent("pointerover", { bubbles: true, composed: true, pointerType: "mouse" })))"""
"""The first eight rows are passed over, faster than any hand does; the last one is rested on."""


def test_what_one_rests_on_is_read_before_it_is_opened(sessions: Page):
    """A hand or the keys rest on a row: the server hears of it once; of rows that they only pass, never."""
    near: list[str] = []

    def sent(frame: str | bytes) -> None:
        near.extend(re.findall(r'"near"\],\["session","([^"]+)"', str(frame)))

    sessions.on("websocket", lambda socket: socket.on("framesent", sent))
    sessions.reload()
    rows = sessions.locator("tbody tr")
    expect(rows).to_have_count(50)
    ids = rows.evaluate_all("(rows) => rows.map((row) => row.dataset.id)")

    def hears(*wanted: int) -> None:
        sessions.wait_for_timeout(300)  # longer than one rests, for what must not be heard
        for _ in range(100):
            if len(near) >= len(wanted):
                break
            sessions.wait_for_timeout(100)
        assert near == [ids[n] for n in wanted]

    rows.evaluate_all(PASSED)
    hears(7)
    rows.nth(3).hover(position={"x": 50, "y": 5})
    hears(7, 3)
    rows.nth(3).hover(position={"x": 300, "y": 5})
    hears(7, 3)
    sessions.keyboard.press("Home")
    hears(7, 3, 0)


ROW_ABOVE = """() => {
  for (const each of Bokeh.documents[0]._all_models.values()) {
    const told = each.data?.told, first = told?.rows?.[0];
    if (first) each.data.told = { ...told, rows: [{ ...first, key: "new", id: "new" }, ...told.rows] };
  }
}"""


def test_a_row_that_moves_is_the_one_that_was_meant(sessions: Page):
    """A session comes in above while the button is down: the one under the mouse at first is opened."""
    row = sessions.locator("tbody tr").nth(3)
    session = row.get_attribute("data-id")
    row.hover()
    sessions.mouse.down()
    sessions.evaluate(ROW_ABOVE)
    sessions.mouse.up()
    sessions.wait_for_url(f"**session={session}*")


def test_in_a_session(sessions: Page):
    """A tab of a round, the next session, and the way back."""
    sessions.locator("tbody tr").first.click()
    expect(sessions.get_by_role("heading", level=2)).to_be_visible()
    _drawn_meanwhile(sessions, sessions.get_by_role("tab", name="Result"))
    expect(sessions.get_by_role("tab", name="Result")).to_have_attribute("aria-selected", "true")
    place = sessions.url
    _drawn_meanwhile(sessions, sessions.get_by_role("button", name="Next session"))
    sessions.wait_for_url(lambda url: url != place)
    _drawn_meanwhile(sessions, sessions.get_by_role("button", name="Back to all sessions"))
    expect(sessions.locator("tbody tr")).to_have_count(50)


def test_below_a_chart(pages: Callable[..., Server], support: str, tab: Callable[..., Page]):
    """The numbers and the Python of a chart; a switch keeps what is chosen and its focus."""
    page = tab(f"{pages(support).url}/latency", high=2600)
    expect(page.get_by_role("table", name="Slowest spans: numbers")).to_be_visible()  # the page is at rest
    sheet = page.locator('section.sheet[data-chart="over-time"]')
    _drawn_meanwhile(page, sheet.get_by_role("button", name="Table"))
    expect(sheet.locator("table")).to_be_visible()
    _drawn_meanwhile(page, sheet.get_by_role("button", name="Python"))
    expect(sheet.locator("pre")).to_be_visible()
    switch = page.locator("#switch-by")
    switch.focus()
    page.evaluate(AGAIN)
    expect(switch).to_be_focused()
    switch.select_option("request_model")
    page.evaluate(AGAIN)
    expect(switch).to_have_value("request_model")
    page.wait_for_url("**by=request_model*")


def test_what_is_half_typed_stays(sessions: Page):
    """The text of a search, the ends of a stretch of time, and a list that is looked through."""
    field = sessions.get_by_placeholder("Search in messages")
    field.press_sequentially("espres")
    sessions.evaluate(AGAIN)
    field.press_sequentially("so")
    expect(field).to_have_value("espresso")
    sessions.wait_for_url("**espresso*")
    sessions.locator('[data-choice="range"]').click()
    sessions.get_by_label("From").fill("2026-05-10T00:00")
    sessions.get_by_label("Until").focus()
    sessions.evaluate(AGAIN)
    expect(sessions.get_by_label("From")).to_have_value("2026-05-10T00:00")
    expect(sessions.get_by_label("Until")).to_be_focused()
