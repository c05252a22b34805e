"""Throughput: counts as SQL has them, no stretch of time left out, in every engine."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given

import argus_lab as al
from argus_lab.measures.throughput import throughput
from argus_lab.testing import NOON, make_span
from tests.measures.engines import ENGINES, differences, rows_of
from tests.measures.generated import tables
from tests.measures.samples import spans_of, support_sessions

SQL = """
WITH counts AS (
    SELECT time_bucket(INTERVAL '6 hours', start_time) AS time, service, count(*) AS spans,
        count(DISTINCT trace_id) AS traces, count(*) FILTER (span_type = 'llm') AS model_calls,
        count(*) FILTER (step_kind = 'tool_call') AS tool_calls, count(*) FILTER (status = 'ERROR') AS errors,
        sum(input_tokens) FILTER (span_type = 'llm') AS i, sum(output_tokens) FILTER (span_type = 'llm') AS o
    FROM spans GROUP BY ALL
), ends AS (SELECT min(time) AS low, max(time) AS high FROM counts),
times AS (SELECT unnest(generate_series(low, high, INTERVAL '6 hours')) AS time FROM ends),
spine AS (SELECT time, service FROM times, (SELECT DISTINCT service FROM spans))
SELECT time, service, coalesce(spans, 0) AS spans, coalesce(traces, 0) AS traces,
    coalesce(model_calls, 0) AS model_calls, coalesce(tool_calls, 0) AS tool_calls,
    coalesce(errors, 0) AS errors, coalesce(spans, 0) / 21600 AS spans_per_s,
    (CASE WHEN spans IS NULL THEN 0 ELSE i END)::BIGINT AS input_tokens,
    (CASE WHEN spans IS NULL THEN 0 ELSE o END)::BIGINT AS output_tokens,
    (CASE WHEN spans IS NULL THEN 0 ELSE i + o END) / 21600 AS tokens_per_s
FROM spine LEFT JOIN counts USING (time, service) ORDER BY time, service
"""


@pytest.mark.parametrize("engine", ENGINES)
def test_the_sample_as_sql_has_it(engine: str):
    """Every service has a row every six hours over the two weeks, nights included."""
    session = duckdb.connect()
    session.execute("SET TimeZone = 'UTC'")
    session.register("spans", support_sessions())
    expected = session.sql(SQL).to_arrow_table().to_pylist()
    found = rows_of(throughput(ENGINES[engine](support_sessions()), every="6h", by="service"))
    assert any(row["spans"] == 0 for row in expected)
    assert not differences(found, expected)


@pytest.mark.parametrize("engine", ["pandas", "polars lazy", "duckdb"])
@given(spans=tables())
def test_any_spans(engine: str, spans: pa.Table):
    """No span with a start is lost or counted twice, and stretches follow each other without gaps."""
    found = rows_of(throughput(ENGINES[engine](spans), every="30s", by="name"))
    rows = [row for row in spans.to_pylist() if row["start_time"] is not None]
    assert sum(row["spans"] for row in found) == len(rows)
    assert sum(row["errors"] for row in found) == sum(row["status"] == "ERROR" for row in rows)
    times = sorted({row["time"] for row in found})
    assert all(after - before == timedelta(seconds=30) for before, after in pairwise(times))
    assert len(found) == len(times) * len({row["name"] for row in rows})
    for row in found:
        inside = [
            each
            for each in rows
            if each["name"] == row["name"]
            and row["time"] <= each["start_time"] < row["time"] + timedelta(seconds=30)
        ]
        assert row["spans"] == len(inside)
        assert row["traces"] == len({each["trace_id"] for each in inside})
        if not inside:
            assert row["input_tokens"] == row["tokens_per_s"] == 0


@pytest.mark.parametrize("engine", ENGINES)
def test_no_spans_no_time(engine: str):
    """An empty frame, and one without any start, gives an empty one with all columns."""
    empty = throughput(ENGINES[engine](support_sessions().slice(0, 0)), every="1h", by="name")
    assert rows_of(empty) == []
    unknown = spans_of(make_span(1, start_time=None))
    assert rows_of(throughput(ENGINES[engine](unknown), every="1h")) == []
    columns = throughput(support_sessions().slice(0, 0), every="1h").column_names
    assert columns == throughput(support_sessions(), every="1d").column_names


def test_a_trace_is_counted_in_each_stretch_it_works_in():
    """A trace over two stretches is one of each."""
    spans = spans_of(*(make_span(n, start_time=NOON + timedelta(hours=n)) for n in (0, 1, 2)))
    found = rows_of(throughput(spans, every="1h"))
    assert [row["traces"] for row in found] == [1, 1, 1]


def test_known_usage_is_not_confused_with_none():
    """A stretch whose calls tell no tokens is unknown, an idle one is 0."""
    spans = spans_of(
        make_span(1, input_tokens=None, output_tokens=None, start_time=NOON),
        make_span(3, input_tokens=5, output_tokens=None, start_time=NOON + timedelta(hours=2)),
    )
    found = rows_of(throughput(spans, every="1h"))
    assert [row["input_tokens"] for row in found] == [None, 0, 5]
    assert [row["tokens_per_s"] for row in found] == [None, 0.0, pytest.approx(5 / 3600)]


def test_too_many_rows_are_refused():
    """Seconds over years would fill the memory: said before it is done."""
    spans = spans_of(make_span(1, start_time=NOON), make_span(2, start_time=NOON + timedelta(days=365)))
    with pytest.raises(al.InvalidArgument, match="Take longer stretches"):
        throughput(spans, every="1s")
