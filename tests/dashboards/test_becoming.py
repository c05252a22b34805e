"""A figure that becomes another one says exactly what that one says, or stays what it was."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pandas as pd
import pytest
from bokeh.document import Document
from bokeh.models import ColumnDataSource, DataRange1d, LayoutDOM

import argus_lab as al
from argus_lab.dashboards.becoming import become, say
from argus_lab.dashboards.charts import brushable
from argus_lab.figures.answering import answers_over_time
from argus_lab.figures.drawings import Drawing
from argus_lab.figures.groups import latency_by
from argus_lab.figures.latencies import (
    first_token_drawing,
    first_token_over_time,
    over_time,
    over_time_drawing,
    spread,
)
from argus_lab.figures.usage import usage_drawing, usage_over_time
from argus_lab.testing import NOON, make_span

Drawn = Callable[[pd.DataFrame], LayoutDOM]
FIGURES: dict[str, Drawn] = {
    "over time": lambda s: over_time(al.latency(s, every="1h"), every="1h"),
    "over time by service": lambda s: over_time(
        al.latency(s, every="1h", by="service"), every="1h", by="service"
    ),
    "first token": lambda s: first_token_over_time(al.latency(s, every="1h"), every="1h"),
    "by group": lambda s: latency_by(al.latency(s, by="service"), by="service"),
    "spread": lambda s: spread(al.distribution(s), al.latency(s)),
    "usage": lambda s: usage_over_time(al.tokens(s, every="1h"), every="1h"),
    "usage by service": lambda s: usage_over_time(
        al.tokens(s, every="1h", by="service"), every="1h", by="service"
    ),
    "answers": lambda s: answers_over_time(al.answers(s, every="1h"), every="1h"),
}

DRAWINGS: dict[str, Callable[[pd.DataFrame], Drawing[LayoutDOM]]] = {
    "over time": lambda s: over_time_drawing(al.latency(s, every="1h"), every="1h"),
    "over time by service": lambda s: over_time_drawing(
        al.latency(s, every="1h", by="service"), every="1h", by="service"
    ),
    "first token": lambda s: first_token_drawing(al.latency(s, every="1h"), every="1h"),
    "usage": lambda s: usage_drawing(al.tokens(s, every="1h"), every="1h"),
    "usage by service": lambda s: usage_drawing(
        al.tokens(s, every="1h", by="service"), every="1h", by="service"
    ),
}


@pytest.fixture(scope="module")
def spans() -> pd.DataFrame:
    """Calls of two services through some hours, each a trace of its own."""
    rows = [
        make_span(
            4 * n + 1,
            trace_id=f"{n:032x}",
            service=("desk", "shop")[n % 2],
            start_time=NOON + pd.Timedelta(minutes=13 * n),
            duration_ms=100.0 + 37 * (n * n % 11),
            time_to_first_token_ms=20.0 + n % 7,
            input_tokens=100 + 10 * n,
            output_tokens=7 * n,
        )
        for n in range(60)
    ]
    return pd.DataFrame(rows)


def _told(shown: LayoutDOM, act: Callable[[], object]) -> list[str]:
    """The properties that a browser would hear of."""
    heard: list[str] = []
    document = Document()
    document.add_root(shown)
    document.on_change(lambda event: heard.append(str(getattr(event, "attr", event))))
    act()
    found = list(heard)
    document.remove_root(shown)
    return found


def _rows(drawn: LayoutDOM) -> list[str]:
    """What stands in the sources, written down: two numbers that are none would not be equal."""
    sources = [each for each in drawn.references() if isinstance(each, ColumnDataSource)]
    return sorted(repr({name: list(each.data[name]) for name in sorted(each.data)}) for each in sources)


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_says_what_another_one_says(name: str, spans: pd.DataFrame):
    """With other numbers the parts stay the same ones and have all the other one's rows; nothing is left."""
    drawn, part = FIGURES[name], spans[spans["duration_ms"] > 200]
    shown = drawn(spans)
    brushable(shown)
    ids = {each.id for each in shown.references()}
    for frame in (part, spans):
        other = drawn(frame)
        brushable(other)
        assert _told(shown, lambda other=other: become(shown, other))
        assert _rows(shown) == _rows(other)
        again = drawn(frame)
        brushable(again)
        left = set(_told(shown, lambda again=again: become(shown, again)))
        assert left <= {"follow_interval", "data"}  # numbers that are none are told again
    kept = {each.id for each in shown.references() if not type(each).__name__.endswith("Text")}
    assert kept <= ids


def _ways(spans: pd.DataFrame) -> list[pd.DataFrame]:
    """Spans as they may be chosen one after the other: fewer, of one group, slower, far apart, with gaps."""
    slow, apart, one = (spans.copy() for _ in range(3))
    slow[["duration_ms", "time_to_first_token_ms"]] *= 700
    apart.loc[::9, ["duration_ms", "time_to_first_token_ms"]] *= 90
    one["service"] = "desk"
    return [spans, spans[spans.index % 17 < 9], slow, slow.tail(40), apart, one, one.head(1)]


@pytest.mark.parametrize("name", DRAWINGS)
def test_drawings_that_are_alike_differ_in_what_is_said_alone(name: str, spans: pd.DataFrame):
    """A figure that says what an alike drawing says is the figure that would be built from it."""
    drawn = [DRAWINGS[name](frame) for frame in _ways(spans)]
    said = 0
    for before, after in itertools.permutations(drawn, 2):
        if before.alike != after.alike:
            continue
        shown, other = before.build(), after.build()
        for each in (shown, other):
            brushable(each)
        _told(shown, lambda shown=shown, after=after: say(shown.references(), after))
        assert _rows(shown) == _rows(other)
        for each in (shown, *getattr(shown, "children", [])):
            each.html_attributes = {}  # the words for screen readers are the page's
        for each in (other, *getattr(other, "children", [])):
            each.html_attributes = {}
        left = set(_told(shown, lambda shown=shown, other=other: become(shown, other)))
        assert left <= {"follow_interval", "data"}  # numbers that are none are told again
        said += 1
    assert said >= 4
    assert len({each.alike for each in drawn}) > 1


def test_what_is_built_otherwise_is_left_alone(spans: pd.DataFrame):
    """Another number of groups, or nothing to draw: the figure says what it said."""
    shown = FIGURES["over time by service"](spans)
    before = _rows(shown)
    for other in (spans[spans["service"] == "desk"], spans.head(0)):
        assert not become(shown, FIGURES["over time by service"](other))
        assert _rows(shown) == before


def test_what_was_selected_is_not_any_more(spans: pd.DataFrame):
    """Rows of other numbers are other rows, even where the numbers of a source stay the same."""
    shown, other = FIGURES["spread"](spans), FIGURES["spread"](spans)
    source = brushable(shown)[0]
    brushable(other)
    source.selected.indices = [1, 2]
    assert become(shown, other)
    assert source.selected.indices == []


@pytest.mark.parametrize("keep_zoom", [False, True])
def test_an_axis_finds_its_ends_anew_unless_it_is_to_keep_them(*, keep_zoom: bool, spans: pd.DataFrame):
    """What a browser said of its axes is not told back; it looks again for other choices, not for news."""
    shown, other = FIGURES["usage"](spans), FIGURES["usage"](spans.head(20))
    ranges = [each for each in shown.references() if isinstance(each, DataRange1d)]
    for each in ranges:
        each.end = 4711.0
    heard = _told(shown, lambda: become(shown, other, keep_zoom=keep_zoom))
    assert {each.end for each in ranges} == {4711.0}
    assert heard.count("follow_interval") == (0 if keep_zoom else len(ranges))
