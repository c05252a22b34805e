"""The pages in a real browser on five million spans: from a click to what is on the screen, and the server's memory."""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pyarrow as pa
from playwright.sync_api import Page, sync_playwright

from argus_lab.lake import table as t
from argus_lab.lake.rows import sorted_spans
from argus_lab.schema import REFUSED, SPANS
from argus_lab.testing import make_span
from bench import big_lake, dashboard_pages
from bench.places import workspace

SPANS_IN_LAKE = 5_000_000
STEPS = 5_000
ROUNDS = 5
PATIENCE = 1_500_000
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ROW = "tbody tr"


def measure(spans: int = SPANS_IN_LAKE) -> list[str]:
    """Lines of the table."""
    folder = str(workspace() / f"lake-{spans}")
    big_lake.build(folder, spans)
    lines = [f"{'on a lake of ' + format(spans, ',') + ' spans':58}{'ms':>9}{'goal':>7}"]
    with _served(folder) as (url, process), _tab() as page:
        lines += _begun(page, url, process)
        lines += _table(page, url)
        lines += _opened(page, url)
        for name in ("latency", "tokens"):
            lines.append(_line(f"/{name}, first figure", _painted(page, f"{url}/{name}", "canvas"), 2_000))
        lines += dashboard_pages.lines(page, url)
        lines.append(f"{'memory of the server, MB (frames stay in the lake)':58}{_memory(process):9.0f}")
    long = _long_session()
    with _served(long) as (url, _), _tab() as page:
        page.goto(f"{url}/sessions")
        page.locator(ROW).first.wait_for()
        taken = _painted(page, f"{url}/sessions?session=long", ".row.round")
        lines.append(_line(f"a session of {STEPS:,} steps, page and all", taken, None))
        keys = [_timed(lambda: _pressed(page)) for _ in range(ROUNDS)]
        lines.append(_line("its next round, by a key", statistics.median(keys), 300))
    return lines


def _begun(page: Page, url: str, process: subprocess.Popen[str]) -> list[str]:
    """The first visit, while the lake is still read, and one when it has been."""
    first = _painted(page, f"{url}/sessions", ROW)
    lines = [_line("first rows, server just started", first, 2_000)]
    begin = time.perf_counter()
    page.locator(".notice").wait_for(state="detached")
    whole = (time.perf_counter() - begin) * 1000 + first
    lines.append(_line("until the whole lake is shown (in the background)", whole, None))
    again = [_painted(page, f"{url}/sessions", ROW) for _ in range(ROUNDS)]
    lines.append(_line("first rows, server has read the lake", statistics.median(again), 2_000))
    lines.append(f"{'memory of the server by then, MB':58}{_memory(process):9.0f}")
    return lines


def _table(page: Page, url: str) -> list[str]:
    """A filter, a sort, a page of rows."""
    filters, sorts, leaves = [], [], []
    for _ in range(ROUNDS):
        page.goto(f"{url}/sessions")
        page.locator(ROW).first.wait_for()
        before = _foot(page)
        page.get_by_role("button", name="Status", exact=True).click()
        filters.append(_timed(page.get_by_label("ERROR").check, partial(_changed, page, before)))
        page.keyboard.press("Escape")
        first = page.locator(ROW).first.inner_text()
        sorts.append(_timed(page.get_by_role("button", name="Duration").click, partial(_moved, page, first)))
        before = _foot(page)
        leaves.append(_timed(page.get_by_label("Next page").click, partial(_changed, page, before)))
    return [
        _line("a filter (status), until the table has changed", statistics.median(filters), 500),
        _line("sorted by duration", statistics.median(sorts), 500),
        _line("the next page of rows", statistics.median(leaves), 500),
    ]


def _opened(page: Page, url: str) -> list[str]:
    """Sessions opened from the table, one after the other, each for the first time."""
    taken = []
    for place in range(ROUNDS):
        page.goto(f"{url}/sessions?status=ERROR&page={place + 2}")
        page.locator(ROW).nth(place).wait_for()
        row = page.locator(ROW).nth(place)
        taken.append(_timed(row.click, page.locator(".detail .argus-lab").first.wait_for))
    return [_line("a session opened, until its first round is told", statistics.median(taken), 300)]


def _painted(page: Page, url: str, sign: str) -> float:
    return _timed(lambda: page.goto(url, wait_until="commit"), page.locator(sign).first.wait_for)


def _pressed(page: Page) -> None:
    before = page.get_by_role("heading", level=2).inner_text()
    page.get_by_role("tree").press("ArrowDown")
    page.wait_for_function(_OTHER.format(tag="h2"), arg=before)


def _foot(page: Page) -> str:
    return page.locator(".page > .foot span").first.inner_text()


def _changed(page: Page, before: str) -> None:
    page.wait_for_function(_OTHER.format(tag=".page > .foot span"), arg=before)


def _moved(page: Page, before: str) -> None:
    page.wait_for_function(_OTHER.format(tag="tbody tr"), arg=before)


_OTHER = """(before) => {{ const go = (root) => {{ const here = root.querySelector('{tag}'); if (here) return here;
for (const each of root.querySelectorAll('*')) if (each.shadowRoot) {{ const found = go(each.shadowRoot);
if (found) return found; }} return null; }}; const found = go(document); return found && found.innerText !== before }}"""


def _timed(*acts: Callable[[], object]) -> float:
    begin = time.perf_counter()
    for act in acts:
        act()
    return (time.perf_counter() - begin) * 1000


def _line(name: str, taken: float, goal: float | None) -> str:
    return f"{name:58}{taken:9.0f}{'' if goal is None else format(goal, ',.0f'):>7}"


def _memory(process: subprocess.Popen[str]) -> float:
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) / 1000 if found else float("nan")


def _long_session() -> str:
    """A lake of one session of many steps."""
    folder = str(workspace() / f"session-{STEPS}")
    if not Path(folder, "built").exists():
        rows = [make_span(4 * n + 1, session_id="long", trace_id=f"{n // 500:032x}") for n in range(STEPS)]
        found = t.open_table(folder, SPANS, create=True)
        t.open_table(folder, REFUSED, create=True)
        table = pa.Table.from_pylist(rows, schema=SPANS.arrow())
        t.commit(found, t.write_files(folder, SPANS, sorted_spans(table)), {"bench": 1})
        Path(folder, "built").touch()
    return folder


@contextmanager
def _served(lake: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    command = [
        sys.executable,
        "-P",
        "-m",
        "argus_server",
        "dashboard",
        "--lake",
        lake,
        "--port",
        "0",
        "--no-browser",
    ]
    env = {name: value for name, value in os.environ.items() if not name.startswith("ARGUS_")}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)
    assert process.stdout is not None
    found = re.search(r"http://[\d.:]+", process.stdout.readline())
    assert found
    try:
        yield found[0], process
    finally:
        process.terminate()
        process.wait(60)
        process.stdout.close()


@contextmanager
def _tab() -> Iterator[Page]:
    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(PATIENCE)
        yield page
        browser.close()


if __name__ == "__main__":
    print("\n".join(measure(int(sys.argv[1]) if len(sys.argv) > 1 else SPANS_IN_LAKE)))
