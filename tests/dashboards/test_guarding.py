"""Pages are for this machine: other names, other origins and frames of others get nothing."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from argus_lab.testing import make_span
from tests.dashboards.conftest import PATIENCE, Server, environment
from tests.house.sources import ROOT
from tests.lake_read.lakes import write

NAMES = ("sessions", "latency", "tokens")


@pytest.fixture(scope="module")
def served(pages: Callable[..., Server], tmp_path_factory: pytest.TempPathFactory) -> Server:
    """The pages of a small lake, which have a further name."""
    lake = str(tmp_path_factory.mktemp("guarded") / "lake")
    write(lake, [make_span(0)])
    return pages(lake, ARGUS_DASHBOARD_ORIGINS="pages.example:443")


def _get(server: Server, host: str, path: str = "/sessions") -> tuple[int, dict[str, str], str]:
    place = urlsplit(server.url)
    connection = http.client.HTTPConnection("127.0.0.1", place.port, timeout=PATIENCE)
    connection.request("GET", path, headers={"Host": host})
    answer = connection.getresponse()
    found = answer.status, dict(answer.getheaders()), answer.read().decode()
    connection.close()
    return found


@pytest.mark.parametrize("name", NAMES)
def test_it_answers_to_its_own_names_only(served: Server, name: str):
    """A name that a stranger points at this machine gets no page, and none of its words."""
    port = urlsplit(served.url).port
    for host in (f"127.0.0.1:{port}", f"localhost:{port}", "pages.example:443"):
        assert _get(served, host, f"/{name}")[0] == 200
    for host in (
        f"evil.example:{port}",
        "evil.example",
        f"127.0.0.1.evil.example:{port}",
        f"127.0.0.1:{port + 1}",
    ):
        status, _, body = _get(served, host, f"/{name}")
        assert status == 421
        assert "token" not in body


def test_it_listens_on_this_machine_only(served: Server):
    """No other address of this machine has the port."""
    port = urlsplit(served.url).port
    table = Path("/proc/net/tcp")
    if not table.exists():
        pytest.fail("this test reads /proc/net/tcp; on another system look for the port with lsof")
    lines = [line.split() for line in table.read_text().splitlines()[1:]]
    found = {line[1].split(":")[0] for line in lines if line[1].endswith(f":{port:04X}") and line[3] == "0A"}
    assert found == {"0100007F"}


def test_every_answer_forbids_frames_and_strangers(served: Server):
    """Pages and scripts carry headers that keep them out of frames and their connections at home."""
    port = urlsplit(served.url).port
    for path in ("/sessions", "/static/js/bokeh.min.js"):
        _, headers, _ = _get(served, f"127.0.0.1:{port}", path)
        assert headers["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "connect-src 'self'" in headers["Content-Security-Policy"]
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"


def _connected(server: Server, origin: str) -> bool:
    """Whether a websocket is opened for a page of this origin, which got hold of a token."""
    port = urlsplit(server.url).port
    _, _, body = _get(server, f"127.0.0.1:{port}")
    [token] = re.findall(r'"token":\s*"([^"]+)"', body)

    async def connect() -> bool:
        url = f"ws://127.0.0.1:{port}/sessions/ws"
        request = HTTPRequest(url, headers={"Origin": origin}, connect_timeout=PATIENCE)
        try:
            socket = await websocket_connect(request, subprotocols=["bokeh", token])
        except Exception as error:
            if "403" not in str(error):
                raise
            return False
        socket.close()
        while await socket.read_message() is not None:  # until it is closed
            pass
        return True

    with ThreadPoolExecutor(1) as apart:  # the browser's events run in this thread
        return apart.submit(asyncio.run, connect()).result()


def test_websockets_of_other_origins_are_refused(served: Server):
    """The page's own origin may talk to it, no other may, not even one of this machine."""
    port = urlsplit(served.url).port
    assert _connected(served, f"http://127.0.0.1:{port}")
    assert not _connected(served, "http://evil.example")
    assert not _connected(served, f"http://127.0.0.1:{port + 1}")
    assert not _connected(served, "null")


def test_a_frame_of_another_page_stays_empty(served: Server, browser: Browser, tmp_path: Path):
    """A page of a stranger that frames ours shows nothing of it."""
    outer = tmp_path / "outer.html"
    outer.write_text(f"<iframe src='{served.url}/sessions' width=900 height=700></iframe>", encoding="utf-8")
    tab = browser.new_page()
    tab.goto(outer.as_uri())
    tab.wait_for_timeout(2_000)
    texts = [frame.evaluate("document.body ? document.body.innerText : ''") for frame in tab.frames[1:]]
    tab.close()
    assert not any("Sessions" in text for text in texts)


@pytest.fixture(scope="module")
def under_panel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The pages under ``panel serve``, whose server is not ours."""
    lake = str(tmp_path_factory.mktemp("panel") / "lake")
    write(lake, [make_span(0)])
    files = [str(ROOT / "argus_lab" / "dashboards" / f"{name}.py") for name in NAMES]
    command = [sys.executable, "-m", "panel", "serve", *files, "--address", "127.0.0.1", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--allow-websocket-origin", "*"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(ARGUS_LAKE=lake),
    )
    assert process.stderr is not None
    url = ""
    for line in process.stderr:
        if found := re.search(r"on port (\d+)|http://\S+:(\d+)/", line):
            url = f"http://127.0.0.1:{found[1] or found[2]}"
            break
    yield Server(url, lake, process)
    process.terminate()
    process.wait(PATIENCE)
    process.stderr.close()


@pytest.mark.parametrize("name", NAMES)
def test_panel_serve_has_the_same_pages(under_panel: Server, tab: Callable[..., Page], name: str):
    """``panel serve`` on the three files serves ``/sessions``, ``/latency`` and ``/tokens``."""
    page = tab(f"{under_panel.url}/{name}")
    expect(page.locator("nav a[aria-current=page]")).to_have_text(name.title(), timeout=PATIENCE * 1000)
    expect(page.get_by_role("button", name="Project")).to_be_visible()


def test_panel_serve_shows_strangers_nothing(under_panel: Server, browser: Browser):
    """There the page itself looks at the name it is called by."""
    port = urlsplit(under_panel.url).port
    context = browser.new_context(extra_http_headers={})
    page = context.new_page()
    status, _, body = _get(under_panel, f"evil.example:{port}")
    context.close()
    assert status == 200
    assert page is not None
    assert "customer-bot" not in body
    titles = json.dumps(body)
    assert "Reading the lake" in titles
