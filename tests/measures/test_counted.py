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
from tests.measures.generated import conversations, tables
from tests.measures.samples import spans_of, support_sessions
from tests.measures.walks import COUNTED, marks, session_of

MARKS = ("is_counted", "is_model_call", "is_tool_call")
SESSION = duckdb.connect(config={"threads": 1})
FEWER = settings(max_examples=25)
"""Each example asks DuckDB a recursive question."""


def _duckdb(table: pa.Table) -> Any:
    return SESSION.from_arrow(table)


@FEWER
@given(tables() | conversations())
def test_marks_are_those_of_every_pair_of_spans(table: pa.Table):
    """Arrays, DuckDB's SQL and Polars' deferred form all say what a plain look at all pairs says."""
    rows = table.to_pylist()
    expected = {(row["trace_id"], row["span_id"]): mark for row, mark in zip(rows, marks(rows), strict=True)}
    for frame in (table, _duckdb(table), pl.DataFrame(table).lazy()):
        found = rows_of(marked(nw.from_native(frame)).to_native())
        assert len(found) == len(rows)
        told = {(row["trace_id"], row["span_id"]): tuple(map(row.get, MARKS)) for row in found}
        assert told == expected


@FEWER
@given(tables())
def test_sessions_are_inherited_from_the_nearest_that_names_one(table: pa.Table):
    """Arrays, DuckDB's SQL and Polars' deferred form against a walk up from each span."""
    sources = ["attribute", "trace", None, "inferred"]
    column = pa.array([sources[n % 4] for n in range(table.num_rows)], pa.string())
    table = table.set_column(table.column_names.index("session_source"), "session_source", column)
    rows = table.to_pylist()
    expected = {(row["trace_id"], row["span_id"]): session_of(rows, n) for n, row in enumerate(rows)}
    for frame in (members(table), _with(_duckdb(table)), _with(pl.DataFrame(table).lazy())):
        told = {(r["trace_id"], r["span_id"]): (r["session_id"], r["session_source"]) for r in rows_of(frame)}
        assert told == expected


def _with(frame: Any) -> Any:
    return with_sessions(nw.from_native(frame)).to_native()


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
