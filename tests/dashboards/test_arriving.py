"""An answer that is there before the browser has said that it shows the page is shown all the same."""

from __future__ import annotations

import asyncio
import json
import re
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, WebSocketRoute, expect
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from argus_lab.testing import make_span
from tests.dashboards.conftest import PATIENCE, Server
from tests.lake_read.lakes import write

expect.set_options(timeout=PATIENCE * 1000)
WATCHED = """
window.places = {};
const all = (root) => [...root.querySelectorAll("section.sheet"),
  ...[...root.querySelectorAll("*")].flatMap((each) => each.shadowRoot ? all(each.shadowRoot) : [])];
const look = () => {
  for (const sheet of all(document)) {
    const place = Math.round(sheet.getBoundingClientRect().top);
    if (place > 0 && sheet.dataset.chart) (window.places[sheet.dataset.chart] ??= new Set()).add(place);
  }
  requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""
"""Where what stands below each figure has been, in pixels from the top, in all frames so far."""
FRAMES = 3  # of a message: its header, its metadata, its content


class Late:
    """A browser that fetches the document at once; its further words arrive when ``release`` is called."""

    def __init__(self, page: Page) -> None:
        self._kept: list[Any] = []
        self._passed = 0
        self._is_late = True
        self._server: WebSocketRoute | None = None
        page.route_web_socket("**/ws*", self._join)

    def wait(self, page: Page) -> None:
        """Until the document is fetched and there is something that it would say."""
        end = time.monotonic() + PATIENCE
        while not self._kept and time.monotonic() < end:
            page.wait_for_timeout(50)
        assert self._kept

    def _join(self, browser: WebSocketRoute) -> None:
        server = self._server = browser.connect_to_server()

        def heard(words: Any) -> None:
            self._passed += 1
            if self._is_late and self._passed > FRAMES:
                self._kept.append(words)
            else:
                server.send(words)

        browser.on_message(heard)

    def release(self) -> None:
        """Let everything arrive, in order."""
        assert self._server is not None
        self._is_late = False
        for words in self._kept:
            self._server.send(words)


@pytest.mark.parametrize(("query", "shown"), [("?session=early", "[role=treeitem]"), ("", "tbody tr")])
def test_what_is_found_early_is_shown(  # noqa: PLR0917  fixtures
    pages: Callable[..., Server],
    browser: Browser,
    tab: Callable[..., Page],
    tmp_path: Path,
    query: str,
    shown: str,
):
    """The session of a link, and the table: shown, although it was found before the browser was there."""
    lake = str(tmp_path / "lake")
    address = f"{pages(lake).url}/sessions{query}"
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(PATIENCE * 1000)
    late = Late(page)
    page.goto(address)
    late.wait(page)
    other = tab(address)
    expect(other.get_by_role("heading", level=1)).to_have_text("There is no lake here")
    write(lake, [make_span(1, session_id="early")])
    expect(other.locator(shown).first).to_be_visible()  # so it was found for the late one as well
    late.release()
    expect(page.locator(shown).first).to_be_visible()
    context.close()


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [("latency", ["over-time"], "slowest"), ("tokens", ["usage", "groups"], "audit")],
)
def test_what_is_looked_at_stays_where_it_is(  # noqa: PLR0917  fixtures
    pages: Callable[..., Server],
    support: str,
    tab: Callable[..., Page],
    name: str,
    first: list[str],
    last: str,
):
    """While numbers and figures come, what is in the first view does not move: each has its place before."""
    page = tab("about:blank")
    page.add_init_script(WATCHED)
    page.goto(f"{pages(support).url}/{name}")
    expect(page.locator(f'section.sheet[data-chart="{last}"] [data-view="code"]')).to_be_visible()
    expect(page.locator(".switches dd", has_text="…")).to_have_count(0)
    page.wait_for_timeout(500)
    told = "Object.entries(places).map(([name, seen]) => [name, [...seen]])"
    places = dict(page.evaluate(told))
    assert all(len(places[each]) == 1 for each in first), places


async def _fetched(url: str, token: str) -> str:
    """The document of a page, as a browser fetches it once it has loaded its scripts."""
    header = json.dumps({"msgid": "1", "msgtype": "PULL-DOC-REQ"})
    asked = HTTPRequest(f"{url.replace('http', 'ws', 1)}/ws", headers={"Origin": url.rpartition("/")[0]})
    socket = await websocket_connect(asked, subprotocols=["bokeh", token])
    for _ in range(FRAMES):  # the server says first that it listens
        await socket.read_message()
    for part in (header, "{}", "{}"):
        await socket.write_message(part)
    while "PULL-DOC-REPLY" not in (said := str(await socket.read_message())):
        assert said != "None", socket.close_reason
    await socket.read_message()
    found = str(await socket.read_message())
    socket.close()
    while await socket.read_message() is not None:
        pass
    return found


@pytest.mark.parametrize("name", ["latency", "tokens"])
def test_what_is_found_before_a_browser_fetches_is_fetched_with_it(
    pages: Callable[..., Server], support: str, name: str
):
    """A browser loads its scripts first: whoever fetches the document after that gets the figure with it."""
    url = f"{pages(support).url}/{name}"
    end, found, loads_s = time.monotonic() + PATIENCE, "", 1.0
    while '"name":"Figure"' not in found and time.monotonic() < end:
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:  # noqa: S310  ours
            token = re.search(r'"token":"([^"]+)"', answer.read().decode())
        assert token
        time.sleep(loads_s)
        loads_s *= 2
        with ThreadPoolExecutor(1) as own:  # a browser of other tests may have a loop in this one
            found = own.submit(lambda token=token[1]: asyncio.run(_fetched(url, token))).result(PATIENCE)
    assert '"name":"Figure"' in found
