"""Who counts: each call once, whichever engine says it."""

from __future__ import annotations

from typing import Any

import duckdb
import narwhals as nw
import polars as pl
import pyarrow as pa
from hypothesis import given, settings

import argus_lab as al
from argus_lab.measures.counted import counted, marked
from argus_lab.measures.membership import members, with_sessions
from argus_lab.testing import make_span
from tests.measures.engines import rows_of
from tests.measures.generated import tables
from tests.measures.samples import spans_of, support_sessions

COUNTED = {"llm", "embedding", "reranker"}
BORDERS = {"tool", "agent"}
Rows = list[dict[str, Any]]


SESSION = duckdb.connect(config={"threads": 1})
FEWER = settings(max_examples=25)
"""Each example asks DuckDB a recursive question."""


def _duckdb(table: pa.Table) -> Any:
    return SESSION.from_arrow(table)


def _above(rows: Rows, n: int) -> list[int]:
    """The places above a span, nearest first; once round if parents go in a circle."""
    place = {(row["trace_id"], row["span_id"]): m for m, row in enumerate(rows)}
    found: list[int] = []
    at = place.get((rows[n]["trace_id"], rows[n]["parent_span_id"]))
    while at is not None and at not in found:
        found.append(at)
        at = place.get((rows[at]["trace_id"], rows[at]["parent_span_id"]))
    return found


def _marks(rows: Rows) -> list[tuple[bool, bool]]:
    """By span: it counts, it is a model call; by looking at every pair of spans."""
    numbers = range(len(rows))
    known = [row["input_tokens"] is not None or row["output_tokens"] is not None for row in rows]
    used = [(row["input_tokens"] or 0) + (row["output_tokens"] or 0) > 0 for row in rows]
    usage = [u and row["span_type"] in COUNTED for u, row in zip(used, rows, strict=True)]
    call = [row["span_type"] == "llm" or row["step_kind"] == "llm_call" for row in rows]
    counts = [k and row["span_type"] in COUNTED for k, row in zip(known, rows, strict=True)]
    untyped = [u and row["span_type"] is None for u, row in zip(used, rows, strict=True)]
    wrappers: dict[str, set[int]] = {"usage": set(), "call": set()}
    shadowed = set()
    for n in numbers:
        above = _above(rows, n)
        for name, flags in (("usage", usage), ("call", call)):
            for m in above if flags[n] else ():
                if flags[m]:
                    wrappers[name].add(m)
                if flags[m] or rows[m]["span_type"] in BORDERS:
                    break
        if counts[n] or untyped[n]:
            shadowed |= {m for m in above if untyped[m]}
        if untyped[n] and any(counts[m] for m in above):
            shadowed.add(n)
    return [
        ((counts[n] and n not in wrappers["usage"]) or (untyped[n] and n not in shadowed),
         call[n] and n not in wrappers["call"])
        for n in numbers
    ]  # fmt: skip


@FEWER
@given(tables())
def test_marks_are_those_of_every_pair_of_spans(table: pa.Table):
    """Arrays, DuckDB's SQL and Polars' deferred form all say what a plain look at all pairs says."""
    rows = table.to_pylist()
    expected = {(row["trace_id"], row["span_id"]): mark for row, mark in zip(rows, _marks(rows), strict=True)}
    for frame in (table, _duckdb(table), pl.DataFrame(table).lazy()):
        found = rows_of(marked(nw.from_native(frame)).to_native())
        assert len(found) == len(rows)
        told = {(row["trace_id"], row["span_id"]): (row["is_counted"], row["is_model_call"]) for row in found}
        assert told == expected


@FEWER
@given(tables())
def test_sessions_are_inherited_from_the_nearest_that_names_one(table: pa.Table):
    """Arrays, DuckDB's SQL and Polars' deferred form against a walk up from each span."""
    sources = ["attribute", "trace", None, "inferred"]
    column = pa.array([sources[n % 4] for n in range(table.num_rows)], pa.string())
    table = table.set_column(table.column_names.index("session_source"), "session_source", column)
    rows = table.to_pylist()
    expected = {(row["trace_id"], row["span_id"]): _session(rows, n) for n, row in enumerate(rows)}
    for frame in (members(table), _with(_duckdb(table)), _with(pl.DataFrame(table).lazy())):
        told = {(r["trace_id"], r["span_id"]): (r["session_id"], r["session_source"]) for r in rows_of(frame)}
        assert told == expected


def _with(frame: Any) -> Any:
    return with_sessions(nw.from_native(frame)).to_native()


def _session(rows: Rows, n: int) -> tuple[str, str]:
    row = rows[n]
    own = (row["session_id"] or row["trace_id"], row["session_source"] or "trace")
    if row["session_source"] == "attribute":
        return own
    named = [
        m
        for m, r in enumerate(rows)
        if r["session_source"] == "attribute" and r["session_id"] and r["trace_id"] == row["trace_id"]
    ]
    if not named:
        return own
    near = [m for m in _above(rows, n) if m in named]
    by_start = sorted(
        named, key=lambda m: (rows[m]["start_time"] is None, rows[m]["start_time"], rows[m]["span_id"])
    )
    giver = rows[near[0] if near else by_start[0]]
    return giver["session_id"], "inherited"


def test_wrappers_are_those_that_the_audit_finds():
    """Of the sample sessions and a wrapped call, what counts is what the audit leaves to count."""
    outer = make_span(1, trace_id="e" * 32, span_id="a" * 16, parent_span_id=None)
    inner = make_span(1, trace_id="e" * 32, span_id="b" * 16, parent_span_id="a" * 16)
    table = pa.concat_tables([support_sessions(), spans_of(outer, inner)])
    wrong = {row["span_id"] for row in al.audit_tokens(table).to_pylist() if row["finding"] == "wrapper"}
    known = [
        row["span_id"]
        for row in table.to_pylist()
        if row["span_type"] in COUNTED and row["input_tokens"] is not None and row["span_id"] not in wrong
    ]
    assert wrong == {"a" * 16}
    assert [row["span_id"] for row in counted(table).to_pylist()] == known


def test_usage_of_an_unknown_kind_counts_where_nothing_else_does():
    """A span without a type counts alone, and not beside a call above or below it, whatever is between."""
    usage = {"input_tokens": 7, "output_tokens": None}
    key = {"trace_id": "f" * 32, "session_id": None}
    alone = make_span(1, **key, **usage, span_id="1", parent_span_id=None, span_type=None, step_kind=None)
    agent = make_span(
        1, **key, span_id="2", parent_span_id="1", span_type="agent", step_kind=None, input_tokens=None
    )
    agent["output_tokens"] = None
    call = make_span(1, **key, **usage, span_id="3", parent_span_id="2", span_type="llm")
    below = alone | {"span_id": "4", "parent_span_id": "3"}
    for rows, expected in (([alone, agent], ["1"]), ([alone, agent, call, below], ["3"])):
        assert [row["span_id"] for row in counted(spans_of(*rows)).to_pylist()] == expected


def test_counted_rows_keep_their_columns_and_order():
    """A pandas frame with an index of its own comes back filtered, in order, with a new index."""
    table = support_sessions().slice(0, 300)
    frame = table.to_pandas().set_index(pa.array(range(300, 600)).to_pandas())
    found = counted(frame)
    assert list(found.columns) == table.column_names
    assert list(found.index) == list(range(len(found)))
    assert found["span_id"].tolist() == [row["span_id"] for row in counted(table).to_pylist()]
