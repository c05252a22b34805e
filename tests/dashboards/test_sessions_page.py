"""The page of sessions in a browser: from the table to a step, whatever is chosen, while spans come in."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

import argus_lab as al
from argus_lab.testing import make_span
from tests.dashboards.conftest import PATIENCE, Server
from tests.lake_read.lakes import write

expect.set_options(timeout=PATIENCE * 1000)
SESSIONS = 300
ROW = "tbody tr"


def _asked(tab: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(tab.url).query)


def _total(tab: Page, words: str) -> None:
    expect(tab.locator(".page > .foot")).to_contain_text(words)


def test_the_table_opens_a_session_and_a_step(
    pages: Callable[..., Server], tab: Callable[..., Page], support: str
):
    """From the table to a session, its rounds, a step and its detail; the address follows and leads back."""
    page = tab(f"{pages(support).url}/sessions")
    _total(page, f"1–50 of {SESSIONS} sessions")
    expect(page.locator(ROW)).to_have_count(50)
    page.goto(f"{pages(support).url}/sessions?session=story-hallucinated-tool")
    expect(page.get_by_role("heading", level=2)).to_contain_text("Round")
    page.get_by_role("treeitem").nth(1).click()
    expect(page.get_by_role("heading", level=2)).to_contain_text("Round 2")
    page.get_by_role("tab", name="Result").click()
    expect(page.get_by_role("tab", name="Result")).to_have_attribute("aria-selected", "true")
    page.get_by_role("tree").press("ArrowUp")
    expect(page.get_by_role("heading", level=2)).to_contain_text("Round 1")
    expect(page.get_by_role("tab", name="Result")).to_have_attribute("aria-selected", "true")
    page.get_by_role("tree").press("ArrowRight")
    step = page.locator(".row.step").first
    step.click()
    expect(page.get_by_role("tab", name="Detail")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("tabpanel")).to_be_visible()
    assert _asked(page)["step"][0].startswith("step.")
    again = tab(page.url)
    expect(again.get_by_role("heading", level=2)).to_have_text(
        page.get_by_role("heading", level=2).inner_text()
    )
    page.get_by_role("tab", name="Raw").click()
    expect(page.get_by_role("tabpanel")).to_contain_text("attributes")
    page.get_by_role("button", name="Back to all sessions").click()
    expect(page.locator(ROW)).to_have_count(50)
    assert "session" not in _asked(page)
    page.go_back()
    expect(page.get_by_role("heading", level=2)).to_be_visible()


def test_either_the_table_or_a_session_is_shown(
    pages: Callable[..., Server], tab: Callable[..., Page], support: str
):
    """A click puts a session in the place of the table, and who comes back finds the table as it was."""
    page = tab(f"{pages(support).url}/sessions")
    rows, tree = page.locator(ROW), page.get_by_role("tree")
    expect(rows).to_have_count(50)
    expect(tree).to_be_hidden()
    place = page.locator(".page:visible").bounding_box()
    for at in (30, 31):
        rows.nth(at).click()
        expect(tree).to_be_focused()
        expect(rows.first).to_be_hidden()
        assert page.locator(".page:visible").bounding_box() == place
        page.keyboard.press("Escape")
        expect(tree).to_be_hidden()
        expect(rows.nth(at)).to_be_in_viewport()
        expect(rows.nth(at)).to_have_attribute("aria-selected", "true")
        expect(page.get_by_label("Sessions. Arrow keys choose, Enter opens.")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("]")
    expect(rows.first).to_be_visible()
    assert "session" not in _asked(page)


def test_waterfall_conversation_and_what_is_taken_along(
    pages: Callable[..., Server], tab: Callable[..., Page], support: str
):
    """The other views of a session, the sessions beside it, and its texts on the clipboard and in a file."""
    page = tab(f"{pages(support).url}/sessions?session=story-runaway-loop&sort=started.down")
    page.get_by_role("tab", name="Waterfall").click()
    expect(page.locator(".bk-Figure canvas").first).to_be_visible()
    page.get_by_role("tab", name="Conversation").click()
    expect(page.locator(".al-turn").first).to_contain_text("JD5779015904")
    page.get_by_role("tab", name="Replay").click()
    title = page.get_by_role("heading", level=1).inner_text()
    page.keyboard.press("]")
    expect(page.get_by_role("heading", level=1)).not_to_have_text(title)
    page.keyboard.press("[")
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    page.get_by_role("button", name="Copy Markdown").click()
    expect(page.locator(".note")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()").startswith("# Session `story-runaway-loop`")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download").click()
    rows = json.loads(Path(saved.value.path()).read_text(encoding="utf-8"))
    assert saved.value.suggested_filename == "session-story-runaway-loop.json"
    assert len(rows) == len(al.open(support).session("story-runaway-loop"))


@pytest.mark.parametrize(
    "choice",
    [
        ("Project", "customer-bot", "project"),
        ("Service", "order-mcp", "service"),
        ("Model", "qwen3:8b", "model"),
        ("Type", "mcp", "component"),
        ("Status", "ERROR", "status"),
    ],
)
def test_every_choice_narrows_and_stands_in_the_address(
    pages: Callable[..., Server], tab: Callable[..., Page], support: str, choice: tuple[str, str, str]
):
    """What is chosen is what the lake says, and the link of it shows the same to whoever opens it."""
    button, value, name = choice
    page = tab(f"{pages(support).url}/sessions")
    _total(page, f"{SESSIONS} sessions")
    page.get_by_role("button", name=button, exact=True).click()
    page.get_by_label(value).check()
    page.keyboard.press("Escape")
    column = {"model": "request_model", "component": "component_type"}.get(name, name)
    spans = al.open(support).spans(columns=["session_id"], where=f"{column} = $v", params={"v": value})
    words = f"of {spans['session_id'].nunique()} sessions"
    _total(page, words)
    page.wait_for_url(f"**{name}=*")
    assert _asked(page) == {name: [value]}
    _total(tab(page.url), words)
    page.get_by_role("button", name="Clear").click()
    _total(page, f"{SESSIONS} sessions")


def test_text_and_time_narrow_too(pages: Callable[..., Server], tab: Callable[..., Page], support: str):
    """A text in messages, a custom stretch of time, and the order of the table."""
    page = tab(f"{pages(support).url}/sessions")
    _total(page, f"{SESSIONS} sessions")
    page.get_by_placeholder("Search in messages").fill("espresso machine")
    spans = al.open(support).spans(
        columns=["session_id"],
        where="contains(lower(concat_ws(' ', input, output, input_text, output_text)), 'espresso machine')",
    )
    _total(page, f"of {spans['session_id'].nunique()} sessions")
    page.get_by_role("button", name="Clear").click()
    page.get_by_role("button", name="All time").click()
    page.get_by_label("From").fill("2026-05-10T00:00")
    page.get_by_label("Until").fill("2026-05-12T00:00")
    page.get_by_role("button", name="Apply").click()
    window = {"since": "2026-05-10T00:00Z", "until": "2026-05-12T00:00Z"}
    _total(page, f"of {al.open(support).spans(**window)['session_id'].nunique()} sessions")
    assert _asked(page)["since"] == ["2026-05-10T00:00Z"]
    page.get_by_role("button", name="Duration").click()
    expect(page.get_by_role("columnheader", name="Duration")).to_have_attribute("aria-sort", "descending")
    assert _asked(page)["sort"] == ["duration.down"]


def test_keys_alone_are_enough(pages: Callable[..., Server], tab: Callable[..., Page], support: str):
    """The table, the tree and the way back without a mouse."""
    page = tab(f"{pages(support).url}/sessions")
    expect(page.locator(ROW)).to_have_count(50)
    table = page.get_by_label("Sessions. Arrow keys choose, Enter opens.")
    table.focus()
    for key in ("ArrowDown", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    expect(page.get_by_role("tree")).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("treeitem", selected=True)).to_have_attribute("aria-level", "2")
    page.keyboard.press("Escape")
    expect(page.locator(ROW)).to_have_count(50)


def test_dark_follows_the_reader_and_a_switch(
    pages: Callable[..., Server], tab: Callable[..., Page], support: str
):
    """The system says dark; the switch says light, and stays so."""
    page = tab(f"{pages(support).url}/sessions?session=story-runaway-loop", dark=True)
    expect(page.get_by_role("heading", level=2)).to_be_visible()
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    assert page.evaluate(ground) == "rgb(20, 23, 27)"
    page.get_by_role("button", name="Light colours").click()
    assert page.evaluate(ground) == "rgb(255, 255, 255)"
    page.reload()
    expect(page.get_by_role("heading", level=2)).to_be_visible()
    assert page.evaluate(ground) == "rgb(255, 255, 255)"


def _post(url: str, session: str, trace: int, *, second: int = 0) -> None:
    """A trace of one model call, over HTTP."""
    start = 1_780_000_000_000_000_000 + second * 1_000_000_000
    attributes = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "llama3.2", "session.id": session}
    span = {
        "traceId": f"{trace:032x}",
        "spanId": f"{trace:016x}",
        "name": "chat",
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(start + 900_000_000),
        "attributes": [{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()],
    }
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "live"}}]}
    body: dict[str, Any] = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]}
    request = urllib.request.Request(  # noqa: S310  our own receiver
        f"{url}/v1/traces",
        json.dumps(body).encode(),
        {"Content-Type": "application/json", "X-Argus-Project": "live"},
    )
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310  the same
        assert json.load(answer)["accepted"] == 1


def test_new_spans_appear_by_themselves(
    launch: Callable[..., Server], pages: Callable[..., Server], tab: Callable[..., Page], tmp_path: Path
):
    """An empty lake says how to begin; what is sent over HTTP appears, in the table and in a session."""
    lake = str(tmp_path / "lake")
    receiver = launch("serve", lake)
    page = tab(f"{pages(lake).url}/sessions")
    expect(page.get_by_role("heading", level=1)).to_have_text("Waiting for the first trace")
    expect(page.locator("pre").last).to_contain_text("curl -X POST")
    _post(receiver.url, "chat-1", 1)
    expect(page.locator(ROW)).to_have_count(1)
    _post(receiver.url, "chat-2", 2, second=60)
    expect(page.locator(ROW)).to_have_count(2)
    other = tab(f"{pages(lake).url}/sessions?session=chat-1&live=off")
    page.goto(f"{pages(lake).url}/sessions?session=chat-1")
    for each in (page, other):
        expect(each.locator(".row.round")).to_have_count(1)
    page.get_by_role("tab", name="Raw").click()
    _post(receiver.url, "chat-1", 3, second=20)
    expect(page.locator(".row.round")).to_have_count(2)
    expect(page.get_by_role("tab", name="Raw")).to_have_attribute("aria-selected", "true")
    assert other.locator(".row.round").count() == 1
    other.get_by_role("switch", name="Live").click()
    expect(other.locator(".row.round")).to_have_count(2)


def test_a_session_of_thousands_of_steps(
    pages: Callable[..., Server], tab: Callable[..., Page], tmp_path: Path
):
    """The tree holds no more than what can be seen, and its last step is one key away."""
    lake = str(tmp_path / "lake")
    rows = [make_span(4 * n + 1, session_id="long", trace_id=f"{n // 500:032x}") for n in range(5_000)]
    write(lake, rows)
    page = tab(f"{pages(lake).url}/sessions?session=long")
    expect(page.locator(".row.round").first).to_be_visible()
    assert page.locator(".row").count() < 100
    page.get_by_role("tree").press("End")
    expect(page.get_by_role("heading", level=2)).to_contain_text("Round 5,000 of 5,000")
    expect(page.get_by_role("treeitem", selected=True)).to_be_in_viewport()


def test_trouble_has_a_view(pages: Callable[..., Server], tab: Callable[..., Page], tmp_path: Path):
    """No lake, a lake of another version, no such session, nothing that matches: words, never a traceback."""
    page = tab(f"{pages(str(tmp_path / 'none')).url}/sessions")
    expect(page.get_by_role("heading", level=1)).to_have_text("There is no lake here")
    write(str(tmp_path / "none"), [make_span(0)])
    expect(page.locator(ROW)).to_have_count(1)
    url = pages(str(tmp_path / "none")).url
    page.goto(f"{url}/sessions?session=nothing-of-this-name")
    expect(page.get_by_role("heading", level=1)).to_have_text("Not found")
    page.goto(f"{url}/sessions?status=ERROR")
    expect(page.get_by_text("No session matches these choices.")).to_be_visible()
