"""A figure that was ready says what one says that is built for the visitor, and is one visitor's alone."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace

import pandas as pd
import pytest
from bokeh.models import ColumnDataSource, LayoutDOM

import argus_lab as al
from argus_lab.dashboards import chart_view, ready
from argus_lab.dashboards.arriving import ARRIVALS
from argus_lab.dashboards.chart_view import ChartView
from argus_lab.dashboards.charts import Chart
from argus_lab.dashboards.choices import Choices
from argus_lab.dashboards.desk import Desk
from argus_lab.dashboards.ready import KEPT, Ready
from argus_lab.dashboards.serving import KINDS
from argus_lab.figures.drawings import Drawing
from argus_lab.figures.latencies import over_time_drawing
from argus_lab.testing import NOON, make_span


def _chart(calls: int, *, every: str = "1h", slow: float = 1.0) -> Chart:
    """Durations over time of so many calls."""
    spans = pd.DataFrame(
        [
            make_span(
                n,
                start_time=NOON + pd.Timedelta(minutes=13 * n),
                duration_ms=slow * (100.0 + 37 * (n * n % 11)),
            )
            for n in range(calls)
        ]
    )
    numbers = al.latency(spans, every=every)
    drawn = over_time_drawing(numbers, every=every)
    return Chart("over-time", "Latency", drawn, numbers, "words", pieces=lambda _: [])


def _said(drawn: LayoutDOM) -> list[str]:
    sources = [each for each in drawn.references() if isinstance(each, ColumnDataSource)]
    words = [
        each.title.text.text for each in getattr(drawn, "children", [])
    ]  # of both panels, one below the other
    return words + sorted(repr({name: list(each.data[name]) for name in each.data}) for each in sources)


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Ready:
    """What is ready, at first nothing; whatever is to be built later is built at once."""
    found = Ready()
    monkeypatch.setattr(found, "build_later", found.build)
    monkeypatch.setattr(chart_view, "READY", found)
    return found


@pytest.fixture
def view() -> Callable[[], ChartView]:
    """Makes a place for a chart on a page of its own."""

    class Shown(Desk):
        """A desk whose visitor has a browser, without one."""

        is_at_once = False

        def __init__(self) -> None:
            super().__init__(None, KINDS["latency"], Choices(), {})  # type: ignore[arg-type]  nothing is asked

    return lambda: ChartView(Shown(), "over-time", "Latency over time")


def _shown(view: ChartView) -> LayoutDOM:
    """What the browser is given."""
    found = view._figure  # noqa: SLF001  as said
    assert found is not None
    return found


def test_a_ready_figure_says_what_a_built_one_says(kept: Ready, view: Callable[[], ChartView]):
    """The second visitor's figure was built of other numbers before, and says the ones of its chart."""
    first, second, chart = view(), view(), _chart(40)
    first.show(_chart(60))
    was_ready = kept.take(_chart(60))
    assert was_ready is not None
    kept.build(_chart(60))
    second.show(chart)
    assert isinstance(chart.drawn, Drawing)
    assert _said(_shown(second)) == _said(chart.drawn.build())
    assert len(second._sources) == len(first._sources) > 0  # noqa: SLF001  marks can be brushed in both
    parts = [{each.id for each in _shown(each).references()} for each in (first, second)]
    assert parts[0].isdisjoint(parts[1])
    assert _said(_shown(first)) == _said(_chart(60).drawn.build())  # type: ignore[union-attr]  a drawing


def test_who_is_there_gets_it_built(kept: Ready, view: Callable[[], ChartView]):
    """What is ready is for those who come: a chart that changes on a page takes none, and orders none."""
    here = view()
    here.show(_chart(60))
    kept.build(_chart(60, slow=1000))
    here.show(_chart(60, slow=1000))
    assert kept.take(_chart(60, slow=1000)) is not None
    here.show(_chart(60, every="1d"))
    assert kept.take(_chart(60, every="1d")) is None


def test_only_a_figure_that_is_built_alike_is_taken(kept: Ready):
    """Other stretches, another unit or marks that cannot be brushed: another figure."""
    kept.build(_chart(60))
    for other in (_chart(60, every="1d"), _chart(60, slow=1000), replace(_chart(60), pieces=None)):
        assert kept.take(other) is None
    assert kept.take(_chart(40)) is not None
    assert kept.take(_chart(40)) is None  # it was the only one


def test_as_many_kinds_are_ready_as_were_asked_for_last(kept: Ready):
    """What nobody asked for in a long time is let go."""
    lengths = [f"{n}m" for n in range(1, KEPT + 3)]
    for every in lengths:
        kept.build(_chart(3, every=every))
    left = [every for every in lengths if kept.take(_chart(3, every=every)) is not None]
    assert left == lengths[2:]


def test_it_is_built_once_nobody_is_on_the_way(monkeypatch: pytest.MonkeyPatch):
    """As long as somebody is, the machine is theirs; then one is built, and no second one of its kind."""
    made: list[Chart] = []
    done = threading.Event()
    real = ready.built

    def noted(chart: Chart) -> ready.Built:
        made.append(chart)
        done.set()
        return real(chart)

    monkeypatch.setattr(ready, "built", noted)
    monkeypatch.setattr(ready, "RESTS_S", 0.0)
    kept, is_there = Ready(), ARRIVALS.begin()
    for calls in (60, 40, 20):
        kept.build_later(_chart(calls))
    assert not done.wait(0.2)
    assert made == []
    is_there()
    assert done.wait(60)
    assert len(made) == 1
    while kept._ordered:  # noqa: SLF001  until it is put where it is taken from
        time.sleep(0.01)
    assert len(made) == 1
    assert kept.take(_chart(40)) is not None
    kept.build_later(_chart(40))
    assert kept._ordered  # noqa: SLF001  the next one may be ordered again


def test_what_cannot_be_built_is_told_and_no_matter(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    """The next visitor's page builds it for itself."""
    monkeypatch.setattr(ready, "RESTS_S", 0.0)
    kept = Ready()
    broken = _chart(60)
    assert isinstance(broken.drawn, Drawing)
    with caplog.at_level(logging.ERROR):
        kept.build_later(replace(broken, drawn=replace(broken.drawn, build=lambda: 1 / 0)))
        while kept._ordered:  # noqa: SLF001  until it has been tried
            time.sleep(0.01)
    assert "built beforehand" in caplog.text
    assert kept.take(broken) is None


def test_each_page_of_charts_tells_what_it_shows_first(support: str):
    """So it is found, and built, before the first visitor comes."""
    from argus_lab.dashboards.digests import digest_of

    digest = digest_of(support)
    assert digest.wait(60).spans
    first = {name: kind.first(digest) for name, kind in KINDS.items()}
    assert first["sessions"] is None
    for name in ("latency", "tokens"):
        chart = first[name]
        assert chart is not None
        assert isinstance(chart.drawn, Drawing)
        assert len(chart.numbers)
