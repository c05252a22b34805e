"""Pages as their visitors see them: servers of pages, tabs of a real browser that tell what went wrong."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Request

from tests.browsers import chromium
from tests.dashboards.support_lake import write_support
from tests.dashboards.visits import Visit
from tests.house.sources import ROOT

PATIENCE = 60.0  # not a limit on speed: the time after which a hang is called a hang
ONLY_US = "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"
"""The browser finds no other host: what a page needs from elsewhere, it does without."""


def environment(**given: str) -> dict[str, str]:
    """The environment of this process without settings of ours, and what is given."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ARGUS_", "BOKEH_"))}
    return kept | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "server")])} | given


@dataclass
class Server:
    """A program that serves something at ``url``."""

    url: str
    lake: str
    process: subprocess.Popen[str]
    was_stopped: bool = False

    def stop(self) -> None:
        """End it; may be called again."""
        self.was_stopped = True
        self.process.terminate()
        self.process.wait(PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture(scope="session")
def launch() -> Iterator[Callable[..., Server]]:
    """Start commands of ours that say an address; all are stopped at the end."""
    started: list[Server] = []

    def start(command: str, lake: str, *more: str, **env: str) -> Server:
        given = [sys.executable, "-P", "-m", "argus_server", command, "--lake", lake, "--port", "0", *more]
        process = subprocess.Popen(
            given, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment(**env)
        )
        assert process.stdout is not None
        found = re.search(r"http://\S+?(?=[/\s.,]*(?:\s|$)|/sessions)", process.stdout.readline())
        assert found, "it did not start"
        started.append(Server(found[0], lake, process))
        return started[-1]

    yield start
    dead = [server for server in started if not server.was_stopped and server.process.poll() is not None]
    for server in started:
        server.stop()
    assert not dead, "these ended by themselves"


@pytest.fixture(scope="session")
def pages(launch: Callable[..., Server]) -> Callable[..., Server]:
    """Serve the pages of a lake; one server a lake."""
    known: dict[str, Server] = {}

    def start(lake: str, *more: str, **env: str) -> Server:
        if lake not in known:
            known[lake] = launch("dashboard", lake, "--no-browser", *more, **env)
        return known[lake]

    return start


@pytest.fixture(scope="session")
def support(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A lake of the sample sessions."""
    place = str(tmp_path_factory.mktemp("support") / "lake")
    write_support(place)
    return place


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium that knows no host but this machine."""
    with chromium(f"--host-resolver-rules={ONLY_US}") as found:
        yield found


@dataclass
class Seen:
    """What a tab did that it should not: errors, words of the console, requests to others, dialogs."""

    wrong: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def watch(self, tab: Page) -> None:
        """Listen to a tab."""
        tab.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        tab.on("console", lambda said: said.type in {"error", "warning"} and self.wrong.append(said.text))
        tab.on("dialog", lambda dialog: (self.wrong.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        tab.on("popup", lambda popup: self.wrong.append(f"popup: {popup.url}"))
        tab.on("request", self._request)

    def _request(self, request: Request) -> None:
        asked = urlsplit(request.url)
        if asked.scheme not in {"blob", "data"} and asked.hostname not in {"127.0.0.1", "localhost"}:
            self.wrong.append(f"request: {request.url}")


@pytest.fixture
def seen() -> Seen:
    """What the tabs of a test did that they should not; nothing, when it ends."""
    return Seen()


@pytest.fixture
def tab(browser: Browser, seen: Seen) -> Iterator[Callable[..., Page]]:
    """Open tabs; at the end none of them may have complained."""
    contexts = []

    def open_tab(url: str, *, dark: bool = False, wide: int = 1440, high: int = 900) -> Page:
        scheme = "dark" if dark else "light"
        context = browser.new_context(viewport={"width": wide, "height": high}, color_scheme=scheme)
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        contexts.append(context)
        found = context.new_page()
        found.set_default_timeout(PATIENCE * 1000)
        seen.watch(found)
        found.goto(url)
        return found

    yield open_tab
    for context in contexts:
        context.close()
    assert seen.wrong == seen.expected


@pytest.fixture
def still(opened: Visit) -> Iterator[Visit]:
    """The page that a module has ``opened`` for all who choose nothing: it is left as it was found."""
    yield opened
    opened.put_back()
