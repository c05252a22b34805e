"""Critical path: the wall time exactly, each moment one span's, and the one that was waited for."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given

from argus_lab.measures.critical_path import UNRECORDED, critical_path
from argus_lab.testing import NOON, make_span
from tests.measures.engines import ENGINES, rows_of
from tests.measures.generated import tables
from tests.measures.samples import spans_of, support_sessions

TRACE = "c" * 32


def _span(name: str, start: float, end: float | None, parent: str | None = None) -> dict[str, Any]:
    return make_span(
        0,
        trace_id=TRACE,
        span_id=name,
        name=name,
        parent_span_id=parent,
        start_time=NOON + timedelta(milliseconds=start),
        duration_ms=None if end is None else end - start,
    )


def _path(*rows: dict[str, Any]) -> list[tuple[str | None, float, float]]:
    found = rows_of(critical_path(spans_of(*rows)))
    assert [row["segment"] for row in found] == list(range(1, len(found) + 1))
    return [(row["span_id"], row["offset_ms"], row["duration_ms"]) for row in found]


def test_time_between_children_is_the_spans_own():
    """One after the other: before, between and after them the parent worked itself."""
    rows = [_span("a", 0, 100), _span("b", 10, 40, "a"), _span("c", 60, 90, "a")]
    assert _path(*rows) == [("a", 0, 10), ("b", 10, 30), ("a", 40, 20), ("c", 60, 30), ("a", 90, 10)]


def test_parallel_children_count_once():
    """Of two at the same time the one that finished last has it; the other what was before."""
    rows = [_span("a", 0, 100), _span("b", 0, 70, "a"), _span("c", 50, 100, "a"), _span("d", 55, 60, "a")]
    assert _path(*rows) == [("b", 0, 50), ("c", 50, 50)]


def test_work_after_the_parents_end_counts():
    """A child that outlives its parent has its time; a pause before it is of who still ran, else nobody's."""
    rows = [_span("a", 0, 20), _span("b", 1, 5, "a"), _span("c", 7, 30, "b"), _span("d", 40, 50)]
    assert _path(*rows) == [
        ("a", 0, 1),
        ("b", 1, 4),
        ("a", 5, 2),
        ("c", 7, 23),
        (None, 30, 10),
        ("d", 40, 10),
    ]


def test_a_childs_clock_may_be_wrong():
    """A child that begins before its parent is part of the trace all the same."""
    rows = [_span("a", 0, 10), _span("b", -5, 3, "a")]
    assert _path(*rows) == [("b", 0, 8), ("a", 8, 7)]


def test_unknown_ends_take_no_time():
    """A span that never ended has none itself; what is below it has."""
    rows = [_span("a", 0, None), _span("b", 10, 30, "a")]
    assert _path(*rows) == [(None, 0, 10), ("b", 10, 20)]
    assert _path(_span("a", 0, None)) == []


def _moments(rows: list[dict[str, Any]]) -> dict[str, set[int]]:
    """By trace, the eighths of milliseconds in which at least one span ran."""
    found: dict[str, set[int]] = defaultdict(set)
    for row in rows:
        if row["start_time"] is not None and row["duration_ms"] is not None:
            begin = round((row["start_time"] - NOON) / timedelta(microseconds=125))
            found[row["trace_id"]] |= set(range(begin, begin + round(row["duration_ms"] * 8)))
    return found


@given(spans=tables())
def test_any_spans(spans: pa.Table):
    """Segments follow each other from the first start to the last end, each within its span."""
    rows = spans.to_pylist()
    by_key = {(row["trace_id"], row["span_id"]): row for row in rows}
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows_of(critical_path(spans)):
        found[row["trace_id"]].append(row)
    for trace in {row["trace_id"] for row in rows}:
        mine = [row for row in rows if row["trace_id"] == trace and row["start_unix_nano"] is not None]
        ends = [row["start_unix_nano"] + row["duration_ns"] for row in mine if row["duration_ns"] is not None]
        wall = max(ends, default=0) - min((row["start_unix_nano"] for row in mine), default=0)
        segments = found[trace]
        if not ends or wall <= 0:
            assert segments == []
            continue
        assert sum(round(row["duration_ms"] * 1e6) for row in segments) == wall
        assert sum(row["share"] for row in segments) == pytest.approx(1)
        reached = 0
        for row in segments:
            assert round(row["offset_ms"] * 1e6) == reached
            reached += round(row["duration_ms"] * 1e6)
            if row["span_id"] is not None:
                span = by_key[trace, row["span_id"]]
                assert row["start_time"] >= span["start_time"]
                stop = row["start_time"] + timedelta(milliseconds=row["duration_ms"])
                assert stop <= span["end_time"] + timedelta(microseconds=1)


@given(spans=tables())
def test_time_is_nobodys_only_when_nothing_ran(spans: pa.Table):
    """The unrecorded time is what no span of the trace covers."""
    running = _moments(spans.to_pylist())
    nobodys: dict[str, float] = defaultdict(float)
    total: dict[str, float] = defaultdict(float)
    for row in rows_of(critical_path(spans)):
        total[row["trace_id"]] += row["duration_ms"]
        if row["span_id"] is None:
            assert row["label"] == UNRECORDED
            nobodys[row["trace_id"]] += row["duration_ms"]
    for trace, time in total.items():
        assert time - nobodys[trace] == pytest.approx(len(running[trace]) / 8, abs=0.01)


def test_the_slow_story_is_told_by_its_tool():
    """Of the two-minute answer, the tool with its timeouts has the most."""
    spans = support_sessions().to_pandas()
    story = spans[spans["session_id"] == "story-very-slow"]
    trace = story.groupby("trace_id")["duration_ms"].max().idxmax()
    found = critical_path(spans[spans["trace_id"] == trace])
    assert found["duration_ms"].sum() > 120_000
    assert found.groupby("name")["duration_ms"].sum().idxmax() == "tools/call get_shipment"


@pytest.mark.parametrize("engine", ENGINES)
def test_engines_agree(engine: str):
    """The same rows in the same order from every engine; nothing of nothing."""
    few = support_sessions().slice(0, 300)
    assert rows_of(critical_path(ENGINES[engine](few))) == rows_of(critical_path(few))
    assert rows_of(critical_path(ENGINES[engine](few.slice(0, 0)))) == []
