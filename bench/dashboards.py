"""The pages in a real browser on five million spans: from a click to what is on the screen, and the server's memory."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pyarrow as pa
from playwright.sync_api import Page

from argus_lab.lake import table as t
from argus_lab.lake.rows import sorted_spans
from argus_lab.schema import REFUSED, SPANS
from argus_lab.testing import make_span
from bench import big_lake, dashboard_pages
from bench.places import workspace
from bench.visiting import HEAD, Server, Taken, answered, arrived, line, read, served, step, tab, timed

SPANS_IN_LAKE = 5_000_000
STEPS = 5_000
ROUNDS = 5
VISITS = 20
HAND_RESTS_MS = 100
READ_WITHIN_MS = 900_000
"""By then a lake has been read, however busy the machine is; else something hangs."""
PAINTED = {"sessions": "tbody tr", "latency": "canvas", "tokens": "canvas"}
"""By page, what stands there when there is something to look at: rows, a figure."""
ROW = PAINTED["sessions"]


def measure(spans: int = SPANS_IN_LAKE) -> Iterator[str]:
    """Lines of the table, as they are found."""
    folder = str(workspace() / f"lake-{spans}")
    big_lake.build(folder, spans)
    yield f"{'on a lake of ' + format(spans, ',') + ' spans':58}{HEAD}"
    with tempfile.TemporaryDirectory(dir=workspace()) as cache:
        yield "the first start: nobody has read the lake yet"
        with tab() as page, served(folder, cache) as server:
            yield from step("the first start", partial(_begun, page, server))
        yield "started again: what the first one read was kept"
        with tab() as page, served(folder, cache) as server:
            yield from step("started again", partial(_again, page, server))
            yield from step("the table", partial(_table, page, server))
            yield from step("sessions opened", partial(_opened, page, server))
            for name in dashboard_pages.CHARTS:
                yield from step(name, partial(dashboard_pages.lines, page, server, name))
            yield from step("visits", partial(_visits, page, server))
        short = str(workspace() / f"lake-{spans}-short")
        big_lake.build_short(short, spans)
        yield f"a lake of {spans // big_lake.SPANS_OF_ONE:,} sessions, as many spans"
        with tab() as page, served(short, cache) as server:
            yield from step("the short sessions", partial(_short, page, server))
        yield f"a lake of one session of {STEPS:,} steps"
        with tab() as page, served(_long_session(), cache) as server:
            yield from step("the long session", partial(_long, page, server))


def _begun(page: Page, server: Server) -> Iterator[str]:
    """The first visits, while the lake is still read, until it has been."""
    began = time.perf_counter()
    yield line("  the process, until it listens", [Taken(server.listening_ms, server.cpu_ms)])
    yield line("  first rows, at once after that", [_painted(page, server, "sessions")], 2_000)
    for name in ("latency", "tokens"):
        yield line(f"  /{name} meanwhile, first figure", [_painted(page, server, name)], 2_000)
    _read_whole(page, server)
    whole = (time.perf_counter() - began) * 1000
    yield line("  until the whole lake is shown (in the background)", [Taken(whole, server.cpu_ms)])
    yield _memory(server)


def _read_whole(page: Page, server: Server) -> None:
    """Until all of the lake is shown."""
    page.goto(f"{server.url}/sessions?live=off")
    page.locator(ROW).first.wait_for()
    page.locator(".notice").wait_for(state="detached", timeout=READ_WITHIN_MS)


def _again(page: Page, server: Server) -> Iterator[str]:
    yield line("  the process, until it listens", [Taken(server.listening_ms, server.cpu_ms)])
    yield line("  first rows, at once after that", [_painted(page, server, "sessions")], 2_000)
    for name in PAINTED:
        taken = [_painted(page, server, name) for _ in range(ROUNDS)]
        yield line(f"  /{name}, first {'rows' if name == 'sessions' else 'figure'}", taken, 2_000)
    yield _memory(server)


def _table(page: Page, server: Server) -> list[str]:
    """A filter, a sort, a page of rows."""
    filters, sorts, leaves = [], [], []
    for _ in range(ROUNDS):
        page.goto(f"{server.url}/sessions")
        page.locator(ROW).first.wait_for()
        before = read(page, _said(FOOT))
        page.get_by_role("button", name="Status", exact=True).click()
        check = page.get_by_label("ERROR").check
        filters.append(answered(page, server, check, _other(FOOT), before))
        page.keyboard.press("Escape")
        before = read(page, _said(ROW))
        sort = page.get_by_role("button", name="Duration").click
        sorts.append(answered(page, server, sort, _other(ROW), before))
        before = read(page, _said(FOOT))
        turn = page.get_by_label("Next page").click
        leaves.append(answered(page, server, turn, _other(FOOT), before))
    return [
        line("  a filter (status), until the table has changed", filters, 500),
        line("  sorted by duration", sorts, 500),
        line("  the next page of rows", leaves, 500),
    ]


def _opened(page: Page, server: Server) -> list[str]:
    """Sessions opened from the table, one after the other, each for the first time.

    A hand that has come to a row rests there for a tenth of a second or longer before it presses. A program does
    not, which is the second line.
    """
    rested = [_opened_one(page, server, place, HAND_RESTS_MS) for place in range(ROUNDS)]
    at_once = [_opened_one(page, server, place, 0) for place in range(ROUNDS, 2 * ROUNDS)]
    return [
        line("  a session opened, until its first round is told", rested, 300),
        line("  the same, pressed as soon as the hand is there", at_once, 300),
    ]


def _opened_one(page: Page, server: Server, place: int, rests_ms: int) -> Taken:
    page.goto(f"{server.url}/sessions?status=ERROR&page={place + 2}")
    row = page.locator(ROW).nth(place)
    row.wait_for()
    box = row.bounding_box()
    assert box
    page.mouse.move(box["x"] + 80, box["y"] + box["height"] / 2)
    page.wait_for_timeout(rests_ms)

    def press() -> None:
        page.mouse.down()
        page.mouse.up()

    shown = "find('.detail') && find('.argus-lab', find('.detail'))?.getClientRects().length"
    return answered(page, server, press, shown)


def _visits(page: Page, server: Server) -> list[str]:
    """What the server holds after many visitors came and went."""
    before = _memory(server)
    for number in range(VISITS):
        name = list(PAINTED)[number % len(PAINTED)]
        page.goto(f"{server.url}/{name}?status=ERROR")
        page.locator(PAINTED[name]).first.wait_for()
        if name in dashboard_pages.CHARTS:
            dashboard_pages.settled(page, name)
    return [f"{before} before {VISITS} visits", f"{_memory(server)} after them"]


def _short(page: Page, server: Server) -> Iterator[str]:
    """Where there are very many sessions: their table, its last page, one of them."""
    _read_whole(page, server)
    taken = [_painted(page, server, "sessions") for _ in range(ROUNDS)]
    yield line("  /sessions, first rows", taken, 2_000)
    yield from _table(page, server)
    last = [_last_page(page, server) for _ in range(ROUNDS)]
    yield line("  its last page of rows", last, 500)
    yield from _opened(page, server)
    yield _memory(server)


def _last_page(page: Page, server: Server) -> Taken:
    page.goto(f"{server.url}/sessions")
    page.locator(ROW).first.wait_for()
    field = page.get_by_role("spinbutton", name="Page", exact=True)
    field.fill(str(field.get_attribute("max")))
    before = read(page, _said(FOOT))
    return answered(page, server, partial(field.press, "Enter"), _other(FOOT), before)


def _long(page: Page, server: Server) -> Iterator[str]:
    page.goto(f"{server.url}/sessions")
    page.locator(ROW).first.wait_for()
    rounds = page.locator(".row.round").first.wait_for
    address = f"{server.url}/sessions?session=long"
    taken = [timed(server, partial(page.goto, address, wait_until="commit"), rounds) for _ in range(ROUNDS)]
    yield line("  opened by its address, page and all", taken, 2_000)
    yield line("  its next round, by a key", [_next_round(page, server) for _ in range(ROUNDS)], 300)
    yield _memory(server)


def _painted(page: Page, server: Server, name: str) -> Taken:
    """From the address until there is something to look at; then the page may draw the rest, untimed."""
    taken = arrived(page, server, f"{server.url}/{name}", PAINTED[name])
    if name in dashboard_pages.CHARTS:
        dashboard_pages.settled(page, name)
    return taken


def _next_round(page: Page, server: Server) -> Taken:
    before = read(page, _said("h2"))
    press = partial(page.get_by_role("tree").press, "ArrowDown")
    return answered(page, server, press, _other("h2"), before)


FOOT = ".page > .foot span"


def _said(css: str) -> str:
    """What the first such element says, in JavaScript."""
    return f"find('{css}')?.innerText"


def _other(css: str) -> str:
    """That it says something else than before."""
    return f"find('{css}') && {_said(css)} !== before"


def _memory(server: Server) -> str:
    now, most = server.memory
    return f"  memory of the server: {now:,.0f} MB, at most {most:,.0f} MB"


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


if __name__ == "__main__":
    for each in measure(int(sys.argv[1]) if len(sys.argv) > 1 else SPANS_IN_LAKE):
        print(each, flush=True)
