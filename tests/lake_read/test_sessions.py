"""A session is whole, although only some of its spans name it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import argus_lab as al
from argus_lab import settings
from argus_lab.lake import keeper
from argus_lab.lake.journal import Entry, JournalWriter, journal_root, pack
from argus_lab.lake.rows import arrow_table
from argus_lab.lake.sessions import inherited
from argus_lab.schema import SPANS
from argus_lab.testing import make_span
from tests.lake_read.lakes import write, write_one_by_one

DATASETS = Path(__file__).parents[2] / "datasets"
TRACE = "a" * 32


def span(number: int, parent: int | None, session: str | None, **columns: Any) -> dict[str, Any]:
    """A span of one trace; without a session it is stored under its trace."""
    named = {"session_id": session, "session_source": "attribute"}
    unnamed = {"session_id": columns.get("trace_id", TRACE), "session_source": "trace"}
    ids = {"trace_id": TRACE, "span_id": f"{number:016x}"}
    above = None if parent is None else f"{parent:016x}"
    return make_span(number, **{**ids, "parent_span_id": above, **(named if session else unnamed), **columns})


def sessions_of(rows: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Session and its source of each span, in the given order."""
    found = inherited(arrow_table(SPANS, [tuple(row.values()) for row in rows]))
    return list(zip(*(found[name].to_pylist() for name in ("session_id", "session_source")), strict=True))


def test_the_root_names_the_session():
    """Spans below a root with a session belong to it, whatever their depth and order."""
    rows = [span(3, 2, None), span(2, 1, None), span(1, None, "chat")]
    assert sessions_of(rows) == [("chat", "inherited"), ("chat", "inherited"), ("chat", "attribute")]


def test_the_nearest_ancestor_counts():
    """Where a trace names two sessions, a span belongs to the one above it."""
    rows = [span(1, None, "outer"), span(2, 1, "inner"), span(3, 2, None), span(4, 1, None)]
    assert [session for session, _ in sessions_of(rows)] == ["outer", "inner", "inner", "outer"]


def test_a_span_without_such_an_ancestor_takes_the_first():
    """A root or an orphan without a session belongs to the first session that its trace names."""
    rows = [span(1, None, None), span(5, 99, None), span(3, 1, "later"), span(2, 1, "first")]
    assert [session for session, _ in sessions_of(rows)] == ["first", "first", "later", "first"]


def test_without_any_session_the_trace_is_the_session():
    """Nothing is inherited where nothing is named."""
    assert sessions_of([span(1, None, None), span(2, 1, None)]) == [(TRACE, "trace")] * 2


def test_a_circle_of_parents_ends():
    """Parents that point at each other do not hang the reader."""
    rows = [span(1, 2, None), span(2, 1, None), span(3, None, "chat")]
    assert [session for session, _ in sessions_of(rows)] == ["chat"] * 3


@given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from([None, "a", "b"])), min_size=1, max_size=9))
def test_own_sessions_stay_and_order_is_nothing(tree: list[tuple[int, str | None]]):
    """Whatever the tree: a named session is kept, and the order of rows changes no span's session."""
    rows = [span(n + 1, parent + 1, session) for n, (parent, session) in enumerate(tree)]
    there = sessions_of(rows)
    assert all(found[0] == session for found, (_, session) in zip(there, tree, strict=True) if session)
    assert sessions_of(rows[::-1]) == there[::-1]


def test_a_session_is_complete_however_its_spans_arrive(tmp_path: Path):
    """lake.session and lake.trace give inherited spans too, with any columns, child first or last."""
    other = "b" * 32
    rows = [
        span(2, 1, None),
        span(4, None, "another", trace_id=other, session_id="another"),
        span(1, None, "chat"),
        span(3, 2, None, service="tools"),
    ]
    write(str(tmp_path), [])
    write_one_by_one(str(tmp_path), rows)
    lake = al.open(str(tmp_path))
    found = lake.session("chat")
    assert found["span_id"].tolist() == [f"{n:016x}" for n in (1, 2, 3)]
    assert found["session_source"].tolist() == ["attribute", "inherited", "inherited"]
    assert lake.session("chat", columns=["service"]).columns.tolist() == ["service"]
    assert found.attrs["argus"]["asked"] == {"session": "chat"}
    assert lake.trace(TRACE)["session_id"].tolist() == ["chat"] * 3
    with pytest.raises(al.NotFound):
        lake.session(TRACE)


def test_the_sample_sessions_are_whole(tmp_path: Path):
    """In the sample data two services name no session; their spans are in their sessions all the same."""
    lines = gzip.decompress((DATASETS / "support-sessions" / "week-1.jsonl.gz").read_bytes()).splitlines()[
        :25
    ]
    writer = JournalWriter(journal_root(str(tmp_path)))
    writer.append([pack(Entry(1_790_000_000_000_000_000, "json", None, line)) for line in lines])
    writer.close()
    keeper.drain(settings.read({}, lake=str(tmp_path)))
    lake = al.open(str(tmp_path))
    spans = lake.spans()
    inherits = spans["session_source"] == "inherited"
    assert set(spans.loc[inherits, "service"]) == {"order-mcp", "retrieval"}
    assert set(spans.loc[~inherits, "session_source"]) == {"attribute"}
    named = spans.loc[~inherits, "session_id"].unique()
    counts = {session: len(lake.session(session)) for session in named}
    assert sum(counts.values()) == len(spans)
    assert len(counts) == len(lines)
    assert counts == spans.groupby("session_id").size().to_dict()
    (sent, *_) = (json.loads(line) for line in lines)
    spans = [s for rs in sent["resourceSpans"] for ss in rs["scopeSpans"] for s in ss["spans"]]
    assert len(spans) in counts.values()
