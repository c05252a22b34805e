"""Pages that stay open: a receiver or server that ends and comes back, a lake that changes below them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryFile
from urllib.parse import urlsplit

import pytest
from deltalake import DeltaTable
from playwright.sync_api import Browser, Locator, Page, expect
from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketClosedError

from argus_lab import settings
from argus_lab.dashboards import serving
from argus_lab.lake import upkeep
from argus_lab.schema import SPANS
from argus_lab.testing import make_span
from tests.dashboards.conftest import PATIENCE, Seen, Server, environment
from tests.lake_read.lakes import write

expect.set_options(timeout=PATIENCE * 1000)
ROW = "tbody tr"
OF_A_SERVER_THAT_IS_GONE = ("ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET", "Lost websocket", "closed")
"""What a browser writes to its console of a connection that breaks; nothing of it is ours."""


def _notice(page: Page) -> Locator:
    return page.locator(".notice")


def test_a_receiver_that_ends_is_told(
    launch: Callable[..., Server], pages: Callable[..., Server], tab: Callable[..., Page], tmp_path: Path
):
    """A live page says that nothing can come, and with what line it would; not longer than that is so."""
    lake = str(tmp_path / "lake")
    write(lake, [make_span(n) for n in range(3)])
    receiver = launch("serve", lake)
    page = tab(f"{pages(lake).url}/sessions")
    expect(page.locator(ROW)).to_have_count(1)
    expect(_notice(page)).to_have_count(0)
    receiver.stop()
    expect(_notice(page)).to_contain_text(f"argus-lab serve --lake {lake}")
    live = page.get_by_role("switch", name="Live")
    live.click()
    expect(_notice(page)).to_have_count(0)
    live.click()
    expect(_notice(page)).to_contain_text("No receiver")
    launch("serve", lake)
    expect(_notice(page)).to_have_count(0)


def test_a_page_outlives_its_server(
    launch: Callable[..., Server], tab: Callable[..., Page], seen: Seen, tmp_path: Path
):
    """As after a night: the page says that its server has gone, and goes on as it was once there is one."""
    lake = str(tmp_path / "lake")
    write(lake, [make_span(4 * n + 1, session_id="chat") for n in range(3)])
    server = launch("dashboard", lake, "--no-browser")
    page = tab(f"{server.url}/sessions?session=chat&view=conversation")
    talk = page.get_by_role("tab", name="Conversation")
    expect(talk).to_have_attribute("aria-selected", "true")
    server.stop()
    expect(_notice(page)).to_contain_text("The server of this page has gone")
    launch("dashboard", lake, "--no-browser", "--port", str(urlsplit(server.url).port))
    expect(_notice(page)).to_have_count(0)
    expect(talk).to_have_attribute("aria-selected", "true")
    page.get_by_role("tab", name="Replay").click()
    rounds = page.locator(".row.round")
    expect(rounds).to_have_count(3)
    write(lake, [make_span(13, session_id="chat")])
    expect(rounds).to_have_count(4)
    assert all(any(words in said for words in OF_A_SERVER_THAT_IS_GONE) for said in seen.wrong)
    seen.wrong.clear()


def test_a_lake_of_another_version_has_a_view(
    pages: Callable[..., Server], tab: Callable[..., Page], tmp_path: Path
):
    """It is told on every page, with a line that says more; a lake that becomes one is shown as it was."""
    lake = str(tmp_path / "lake")
    write(lake, [make_span(n) for n in range(3)])
    page = tab(f"{pages(lake).url}/sessions")
    expect(page.locator(ROW)).to_have_count(1)
    other = str(tmp_path / "other")
    write(other, [make_span(0)])
    for each in (lake, other):
        table = DeltaTable(f"{each}/{SPANS.name}")
        table.alter.set_table_properties({"argus.schema": "999"}, raise_if_not_exists=False)
    expect(_notice(page)).to_contain_text("999")
    expect(page.locator(ROW)).to_have_count(1)
    for name in ("sessions", "latency", "tokens"):
        page.goto(f"{pages(other).url}/{name}")
        expect(page.get_by_role("heading", level=1)).to_have_text(
            "This lake is of another version of Argus Lab"
        )
        expect(page.locator("pre")).to_have_text(f"argus-lab doctor --lake {other}")


def test_a_lake_is_compacted_below_a_page(
    pages: Callable[..., Server], tab: Callable[..., Page], tmp_path: Path
):
    """Its files are merged, and the old ones deleted: what is read from them is found in the new ones."""
    lake = str(tmp_path / "lake")
    for n in range(1, 6):
        write(lake, [make_span(4 * n + 1, session_id="chat", output_text=f"answer {n}")])
    page = tab(f"{pages(lake).url}/sessions?session=chat")
    rounds = page.locator(".row.round")
    expect(rounds).to_have_count(5)
    old = {path.name for path in Path(lake).rglob("*.parquet")}
    upkeep.compact(settings.read({}, lake=lake))
    for path in Path(lake).rglob("*.parquet"):
        if path.name in old:
            path.unlink()  # as vacuum does, days later
    page.get_by_role("tab", name="Raw").click()
    for n in (3, 5):
        rounds.nth(n - 1).click()
        expect(page.locator(".detail")).to_contain_text(f"answer {n}")
    write(lake, [make_span(4 * 7 + 1, session_id="chat", output_text="answer 6")])
    expect(rounds).to_have_count(6)
    page.get_by_role("button", name="Sessions", exact=False).first.click()
    expect(page.locator(ROW)).to_have_count(1)


COUNTING = """
import gc, sys, threading, time, weakref
from argus_lab.dashboards import serving, shell

shells, begin = weakref.WeakSet(), shell.Shell.__init__

def noted(self, *given, **named):
    shells.add(self)
    begin(self, *given, **named)

def tell():
    while True:
        gc.collect()
        print(len(shells), flush=True)
        time.sleep(0.1)

shell.Shell.__init__, serving.FORGET_AFTER_MS = noted, 500
served = serving.pages(0, lake=sys.argv[1])
print(served.url, flush=True)
threading.Thread(target=tell, daemon=True).start()
served.run()
"""
"""A server of pages that waits for nobody longer than half a second, and says how many pages it holds."""


def test_who_has_left_is_forgotten(browser: Browser, support: str):
    """What was made for visitors is gone from memory once they have left, busy or not; that is no error."""
    command = [sys.executable, "-P", "-c", COUNTING, support]
    with (
        TemporaryFile("w+", encoding="utf-8") as log,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment()
        ) as process,
    ):
        assert process.stdout is not None
        try:
            url = process.stdout.readline().strip()
            page = browser.new_page()
            for name in ("latency", "tokens", "sessions", "latency", "tokens"):
                page.goto(f"{url}/{name}")
                page.wait_for_timeout(300)
            page.close()
            most, now, end = 0, -1, time.monotonic() + PATIENCE
            while (now != 0 or not most) and time.monotonic() < end:
                now = int(process.stdout.readline())
                most = max(most, now)
        finally:
            process.terminate()
        process.wait(PATIENCE)
        log.seek(0)
        said = log.read()
    assert most >= 1
    assert now == 0
    assert "Traceback" not in said


def test_only_who_left_goes_untold(monkeypatch: pytest.MonkeyPatch):
    """A connection that its visitor closed is no error of the server; whatever else goes wrong is told."""
    told: list[str] = []
    loop = asyncio.new_event_loop()
    monkeypatch.setattr(loop, "default_exception_handler", lambda about: told.append(about["message"]))
    loop.set_exception_handler(serving._told)  # noqa: SLF001
    for error in (WebSocketClosedError(), StreamClosedError(), ValueError(), None):
        loop.call_exception_handler({"message": type(error).__name__, "exception": error})
    loop.call_exception_handler({"message": "no exception"})
    loop.close()
    assert told == ["ValueError", "NoneType", "no exception"]
