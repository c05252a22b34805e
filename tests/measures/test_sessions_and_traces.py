"""Sessions and traces against sums over lists of spans; and the one against the other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argus_lab.measures.counted import counted
from argus_lab.measures.sessions import sessions
from argus_lab.measures.traces import traces
from tests.measures.engines import close, differences, rows_of
from tests.measures.generated import conversations, shuffled
from tests.measures.walks import UNKNOWN, Row, Rows, is_answer, is_tool, marks, session_of, tool_of

FEWER = settings(max_examples=12)
"""Each example asks an engine several recursive questions."""
SESSION = duckdb.connect(config={"threads": 1})


def _duckdb(rows: pa.Table) -> Any:
    return SESSION.from_arrow(rows)


ENGINES: dict[str, Callable[[pa.Table], Any]] = {
    "pyarrow": lambda rows: rows,
    "polars lazy": lambda rows: pl.DataFrame(rows).lazy(),
    "duckdb": _duckdb,
}
SUMS = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
)
SOURCES = ("attribute", "inherited", "inferred", "trace")


def _known(values: Iterable[Any]) -> list[Any]:
    return [value for value in values if value is not None]


def _least(values: Iterable[Any]) -> Any:
    return min(_known(values), default=None)


def _most(values: Iterable[Any]) -> Any:
    return max(_known(values), default=None)


def _names(values: Iterable[str | None]) -> str | None:
    return ", ".join(sorted(set(_known(values)))) or None


def _sum(values: Iterable[Any]) -> Any:
    known = _known(values)
    return sum(known) if known else None


def _moment(row: Row) -> tuple[int, str]:
    start = row["start_unix_nano"]
    return (UNKNOWN if start is None else start), row["span_id"]


def _marked(table: pa.Table) -> Rows:
    """The spans with what the sums need, each found by walking."""
    rows = table.to_pylist()
    return [
        row
        | dict(zip(("session_id", "source"), session_of(rows, n), strict=True))
        | {"counts": counts, "is_call": is_call, "is_tool": is_tool_call}
        for n, (row, (counts, is_call, is_tool_call)) in enumerate(zip(rows, marks(rows), strict=True))
    ]


def _totals(rows: Rows) -> Row:
    starts = [row["start_unix_nano"] for row in rows]
    ends = [
        row["start_unix_nano"] + row["duration_ns"]
        for row in rows
        if row["start_unix_nano"] is not None and row["duration_ns"] is not None
    ]
    return {
        "start_time": _least(row["start_time"] for row in rows),
        "end_time": _most(row["end_time"] for row in rows),
        "duration_ms": (max(ends) - _least(starts)) / 1e6 if ends else None,
        "spans": len(rows),
        "model_calls": sum(row["is_call"] for row in rows),
        "tool_calls": sum(row["is_tool"] for row in rows),
        "errors": sum(row["status"] == "ERROR" for row in rows),
        **{name: _sum(row[name] for row in rows if row["counts"]) for name in SUMS},
        "reported_cost_usd": _sum(row["cost_usd"] for row in rows if row["counts"]),
        "models": _names(row["request_model"] or row["response_model"] for row in rows),
        "tools": _names(tool_of(row) for row in rows if is_tool(row)),
        "user_id": _least(row["user_id"] for row in rows),
    }


def _trace(rows: Rows) -> Row:
    head = min(rows, key=lambda row: (row["parent_span_id"] is not None, _moment(row)))
    there = {row["span_id"] for row in rows}
    return {
        **{name: head[name] for name in ("project", "trace_id", "session_id", "service", "name")},
        **_totals(rows),
        "is_complete": all(row["parent_span_id"] in {*there, None} for row in rows),
    }


def _session(rows: Rows) -> Row:
    """Rows by start."""
    steps: dict[str | None, Rows] = defaultdict(list)
    for row in rows:
        steps[row["step_kind"]].append(row)
    calls = [row for row in rows if row["is_call"]]
    # A trace whose calls form a circle has called a model, though each call wraps the other.
    calls_model = [row for row in rows if row["span_type"] == "llm" or row["step_kind"] == "llm_call"]
    calling = {row["trace_id"] for row in calls_model if not is_answer(row)}
    asked = [*_known(row["input_text"] for row in steps["user_message"]),
             *_known(row["input_text"] for row in calls)]  # fmt: skip
    told = [*_known(row["output_text"] for row in rows if row["is_call"] or is_answer(row)),
            *_known(row["output_text"] for row in steps["assistant_message"])]  # fmt: skip
    return {
        **{name: rows[0][name] for name in ("project", "session_id")},
        "session_source": min((row["source"] for row in rows), key=SOURCES.index),
        **_totals(rows),
        "traces": len({row["trace_id"] for row in rows}),
        "turns": len(steps["user_message"]) or len(calling),
        "steps": sum(row["step_kind"] is not None for row in rows),
        "agents": _names(row["agent_name"] for row in rows),
        "services": _names(row["service"] for row in rows),
        "first_user_message": asked[0] if asked else None,
        "last_answer": told[-1] if told else None,
    }


def _grouped(rows: Rows, *keys: str) -> list[Rows]:
    groups: dict[Any, Rows] = defaultdict(list)
    for row in sorted(rows, key=_moment):
        groups[tuple(row[key] for key in keys)].append(row)
    return list(groups.values())


def _sorted(rows: Rows, *keys: str) -> Rows:
    return sorted(rows, key=lambda row: [(row[key] is None, row[key]) for key in ("start_time", *keys)])


@pytest.mark.parametrize("engine", ENGINES)
@FEWER
@given(table=conversations())
def test_traces_are_sums_over_their_spans(engine: str, table: pa.Table):
    """Every column, for broken traces, from the list of each trace's spans."""
    known = [_trace(rows) for rows in _grouped(_marked(table), "trace_id")]
    found = rows_of(traces(ENGINES[engine](table)))
    assert differences(found, _sorted(known, "trace_id")) == []


@pytest.mark.parametrize("engine", ENGINES)
@FEWER
@given(table=conversations())
def test_sessions_are_sums_over_their_spans(engine: str, table: pa.Table):
    """Every column, for broken traces, from the list of each session's spans."""
    known = [_session(rows) for rows in _grouped(_marked(table), "project", "session_id")]
    found = _sorted(rows_of(sessions(ENGINES[engine](table))), "session_id", "project")
    assert differences(found, _sorted(known, "session_id", "project")) == []


@FEWER
@given(conversations(), st.integers(0, 99))
def test_nothing_is_lost_or_counted_twice(table: pa.Table, seed: int):
    """Sums over sessions, over traces and over the spans that count are the same, whatever the order."""
    lazily = ENGINES["polars lazy"]
    by_session, by_trace = rows_of(sessions(lazily(table))), rows_of(traces(lazily(table)))
    spans = rows_of(counted(lazily(table)))
    for name in SUMS:
        sums = [_sum(row[name] for row in rows) for rows in (by_session, by_trace, spans)]
        assert close(sums[0], sums[2]), name
        assert close(sums[1], sums[2]), name
    for name in ("spans", "model_calls", "tool_calls", "errors"):
        assert sum(row[name] for row in by_session) == sum(row[name] for row in by_trace), name
    again = lazily(shuffled(table, seed))
    keys = ("trace_id", "session_id", "project")
    assert differences(rows_of(traces(again)), by_trace) == []
    assert differences(_sorted(rows_of(sessions(again)), *keys[1:]), _sorted(by_session, *keys[1:])) == []
