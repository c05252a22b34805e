"""While somebody is on the way to a page, what is not for them waits; for nobody for ever."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from bokeh.document import Document

from argus_lab.dashboards import arriving, following, slices, visiting
from argus_lab.dashboards.arriving import Arrivals
from argus_lab.dashboards.digest import Digest
from argus_lab.dashboards.visiting import Visit
from argus_lab.testing import make_span
from tests.lake_read.lakes import write


def test_it_waits_until_the_last_one_is_there():
    """Of two, the first one's arrival ends nothing."""
    arrivals = Arrivals()
    first, second = arrivals.begin(), arrivals.begin()
    found: list[bool] = []
    waiting = threading.Thread(target=lambda: found.append(arrivals.wait(60)))
    waiting.start()
    first()
    first()  # who is there twice is there once
    waiting.join(0.1)
    assert waiting.is_alive()
    second()
    waiting.join(60)
    assert found == [True]


def test_nobody_is_waited_for_for_ever():
    """Neither one who never comes, nor many who come one after the other."""
    arrivals = Arrivals()
    arrivals.begin(0.05)
    assert arrivals.wait(60)
    began = time.monotonic()
    arrivals.begin(60)
    assert not arrivals.wait(0.05)
    assert time.monotonic() - began < 30


def test_a_visitor_is_on_the_way_until_the_page_is_drawn_or_left(monkeypatch: pytest.MonkeyPatch):
    """From the moment the page is asked for."""
    arrivals = Arrivals()
    monkeypatch.setattr(visiting, "ARRIVALS", arrivals)
    monkeypatch.setattr(visiting, "DRAWS_S", 0.05)

    async def visited() -> None:
        left, shown = Visit(Document()), Visit(Document())
        assert not arrivals.wait(0)
        left.end()
        assert not arrivals.wait(0)
        shown._arrived()  # noqa: SLF001  as Panel calls it
        assert not arrivals.wait(0)
        while not arrivals.wait(0):  # noqa: ASYNC110  it is the loop that tells
            await asyncio.sleep(0.01)

    with ThreadPoolExecutor(1) as own:  # a browser of other tests may have a loop in this one
        own.submit(lambda: asyncio.run(visited())).result(60)


def test_a_lake_is_read_between_visits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What is shown first is read whoever comes; the rest once nobody is on the way, and then all of it."""
    arrivals = Arrivals()
    monkeypatch.setattr(following, "ARRIVALS", arrivals)
    monkeypatch.setattr(arriving, "MOST_S", 60.0)
    monkeypatch.setattr(slices, "FIRST_ROWS", 4)
    monkeypatch.setattr(Arrivals.wait, "__defaults__", (60.0,))
    lake = str(tmp_path / "lake")
    for n in range(5):
        write(lake, [make_span(10 * n + place, session_id=f"s-{n}-{place}") for place in range(10)])
    is_there = arrivals.begin(60)
    digest = Digest(lake, 256 * 1024 * 1024)
    first = digest.wait(60)
    assert first.is_ready
    assert not first.is_whole
    assert 0 < first.spans < 50
    time.sleep(0.3)
    assert not digest.state.is_whole
    is_there()
    while not digest.state.is_whole:
        time.sleep(0.01)
    assert digest.state.spans == 50
