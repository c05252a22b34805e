"""Latency: every number as hand-written SQL and NumPy have it, in every engine, whatever the spans."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given

import argus_lab as al
from argus_lab.measures.grouping import length_us
from argus_lab.measures.latency import DURATIONS, FIRST_TOKENS, KINDS, SEEN, latency, latency_of
from argus_lab.testing import NOON, make_span
from tests.measures.engines import ENGINES, differences, rows_of
from tests.measures.generated import tables
from tests.measures.samples import spans_of, support_sessions

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SQL = """
SELECT {key} count(duration_ms) AS "count", avg(duration_ms) AS mean_ms,
    quantile_cont(duration_ms, 0.5) AS p50_ms, quantile_cont(duration_ms, 0.9) AS p90_ms,
    quantile_cont(duration_ms, 0.95) AS p95_ms, quantile_cont(duration_ms, 0.99) AS p99_ms,
    max(duration_ms) AS max_ms, count(*) FILTER (status = 'ERROR') AS errors,
    count(time_to_first_token_ms) AS ttft_count,
    quantile_cont(time_to_first_token_ms, 0.5) AS ttft_p50_ms,
    quantile_cont(time_to_first_token_ms, 0.95) AS ttft_p95_ms
FROM spans {group}
"""


def _sql(spans: pa.Table, key: str) -> list[dict[str, object]]:
    session = duckdb.connect()
    session.execute("SET TimeZone = 'UTC'")
    session.register("spans", spans)
    query = SQL.format(key=f"{key} AS key,", group="GROUP BY ALL ORDER BY key NULLS LAST")
    return session.sql(query).to_arrow_table().to_pylist()


def _keyed(rows: list[dict[str, object]], key: str) -> list[dict[str, object]]:
    return [{"key": row.pop(key)} | row for row in rows]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("column", ["request_model", "service", "status"])
def test_the_sample_as_sql_has_it(engine: str, column: str):
    """Counts, quantiles and errors by a column, null among its values, in every engine."""
    found = _keyed(rows_of(latency(ENGINES[engine](support_sessions()), by=column)), column)
    assert not differences(found, _sql(support_sessions(), column))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("every", "bucket"),
    [
        ("1d", "date_trunc('day', start_time)"),
        ("1w", "date_trunc('week', start_time)"),
        ("6h", "time_bucket(INTERVAL 6 HOURS, start_time)"),
    ],
)
def test_time_is_cut_in_utc(engine: str, every: str, bucket: str):
    """Days begin at midnight UTC and weeks on Mondays, whatever the engine's own time zone."""
    found = _keyed(rows_of(latency(ENGINES[engine](support_sessions()), every=every)), "time")
    assert not differences(found, _sql(support_sessions(), bucket))


@pytest.mark.parametrize("engine", ["pandas", "polars lazy", "duckdb"])
@given(spans=tables())
def test_any_spans(engine: str, spans: pa.Table):
    """Numbers of broken spans are NumPy's, unknown ones null; all groups are there."""
    found = {row["name"]: row for row in rows_of(latency(ENGINES[engine](spans), by="name"))}
    rows = spans.to_pylist()
    assert found.keys() == {row["name"] for row in rows}
    for name, row in found.items():
        mine = [each for each in rows if each["name"] == name]
        times = [each["duration_ms"] for each in mine if each["duration_ms"] is not None]
        assert row["count"] == len(times)
        assert row["errors"] == sum(each["status"] == "ERROR" for each in mine)
        wanted = {
            "mean_ms": np.mean(times) if times else None,
            "p50_ms": np.quantile(times, 0.5) if times else None,
            "p95_ms": np.quantile(times, 0.95) if times else None,
            "max_ms": max(times, default=None),
            "output_tokens_per_s": _speed(mine),
        }
        assert not differences([row], [wanted])


def _speed(rows: list[dict[str, float | str | None]]) -> float | None:
    speeds = []
    for row in rows:
        written, took = row["output_tokens"], row["duration_ms"]
        if not (row["span_type"] == "llm" or row["step_kind"] == "llm_call") or not written or not took:
            continue
        first = row["time_to_first_token_ms"]
        if first is not None and 0 <= first < took and not row["reasoning_tokens"]:
            took -= first
        speeds.append(written / (took / 1000))
    return float(np.median(speeds)) if speeds else None


@pytest.mark.parametrize("engine", ENGINES)
def test_some_of_the_columns_are_the_same_ones(engine: str):
    """Asked for alone, columns hold what they hold among all; with them, which spans were seen, and when."""
    spans, cut = support_sessions(), {"every": "6h", "by": "service"}
    whole = rows_of(latency(ENGINES[engine](spans), **cut))
    for kinds in (DURATIONS | SEEN, FIRST_TOKENS):
        part = rows_of(latency_of(ENGINES[engine](spans), kinds, **cut))
        assert list(part[0]) == ["time", "service", *kinds]
        alike = [{name: row[name] for name in row if name not in SEEN} for row in part]
        assert not differences(alike, [{name: row[name] for name in alike[0]} for row in whole])
    seen = rows_of(latency_of(ENGINES[engine](spans), SEEN, **cut))
    rows = spans.select(["service", "start_time"]).to_pylist()
    for row in seen:
        end = row["time"] + timedelta(hours=6)
        mine = [each["start_time"] for each in rows if each["service"] == row["service"]]
        mine = [start for start in mine if row["time"] <= start < end]
        ends = [(end - EPOCH) // timedelta(microseconds=1) for end in (min(mine), max(mine))]
        assert [row["spans"], row["first_us"], row["last_us"]] == [len(mine), *ends]
    assert sum(row["spans"] for row in seen) == len(rows)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("every", ["1s", "7m", "1d", "1w"])
def test_stretches_of_time_before_1970_begin_where_all_others_do(engine: str, every: str):
    """A broken clock tells of times before the first second that a computer counts; nothing is off by one."""
    moments = [
        EPOCH + timedelta(days=days, microseconds=us)
        for days in (-400, -7, -4, -3, -1, 0, 3, 4)
        for us in (-1, 0, 1)
    ]
    spans = spans_of(*(make_span(n, start_time=moment) for n, moment in enumerate(moments)))
    found = rows_of(latency(ENGINES[engine](spans), every=every))
    length = timedelta(microseconds=length_us(every))
    shift = timedelta(days=4 if every == "1w" else 0)
    wanted = Counter(EPOCH + shift + (moment - EPOCH - shift) // length * length for moment in moments)
    assert {row["time"]: row["count"] for row in found} == wanted


@pytest.mark.parametrize("engine", ENGINES)
def test_no_spans_no_groups(engine: str):
    """An empty frame gives an empty one with all columns, grouped or not."""
    empty = ENGINES[engine](support_sessions().slice(0, 0))
    for result in (latency(empty), latency(empty, by="name"), latency(empty, every="1h")):
        assert rows_of(result) == []
    assert list(latency(support_sessions().slice(0, 0), by="name").column_names) == ["name", *KINDS]


def test_pandas_dtypes_are_ours_whatever_came_in():
    """Plain pandas columns give the nullable dtypes of the library; the frame stays as it was."""
    plain = support_sessions().to_pandas()
    plain.attrs["argus"] = {"lake": "here"}
    before = plain.copy()
    found = latency(plain, by="name", every="1d")
    assert found.dtypes.astype(str).to_dict() == {
        "time": "datetime64[us, UTC]",
        "name": "str",
        **{name: "Int64" if kind == "int" else "float64" for name, kind in KINDS.items()},
    }
    assert found.attrs == {"argus": {"lake": "here"}}
    assert plain.equals(before)


def test_reasoning_counts_by_the_whole_duration():
    """Reasoning tokens may have come before the first token: then the speed is of the whole call."""
    call = {"duration_ms": 2000.0, "time_to_first_token_ms": 1000.0, "output_tokens": 100}
    plain, reasoning = make_span(1, **call), make_span(1, **call, reasoning_tokens=90)
    assert rows_of(latency(spans_of(plain)))[0]["output_tokens_per_s"] == pytest.approx(100)
    assert rows_of(latency(spans_of(reasoning)))[0]["output_tokens_per_s"] == pytest.approx(50)


def test_spans_without_a_start_have_a_row_of_their_own():
    """A null time is a group, the last one."""
    spans = spans_of(make_span(1, start_time=NOON), make_span(2, start_time=None))
    assert [row["time"] for row in rows_of(latency(spans, every="1d"))] == [
        datetime(2026, 3, 1, tzinfo=UTC),
        None,
    ]


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        ({"by": "model"}, "no such column; it has request_model, response_model .and others."),
        ({"by": "servise"}, "no such column; it has service"),
        ({"by": "tags"}, "explode"),
        ({"every": "1 month"}, "such as '15m'"),
        ({"every": "0h"}, "such as '15m'"),
    ],
)
def test_what_cannot_be_asked_is_said(options: dict[str, str], advice: str):
    """Unknown columns and lengths of time are refused, with what to write instead."""
    with pytest.raises(al.InvalidArgument, match=advice):
        latency(support_sessions(), **options)


def test_missing_columns_are_named():
    """A frame without the needed columns is refused by name."""
    with pytest.raises(al.InvalidArgument, match="latency needs the column status"):
        latency(support_sessions().drop_columns("status"))
