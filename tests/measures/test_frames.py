"""Frames as people have them: filtered, indexed, recast, read back from files. The numbers stay the same."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import duckdb
import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from bokeh.models import Label

import argus_lab as al
from argus_lab import figures
from argus_lab.errors import InvalidArgument
from argus_lab.frames import pandas_of
from argus_lab.schema import SPANS
from argus_lab.testing import make_span
from tests.measures.engines import differences, rows_of
from tests.measures.samples import support_sessions

Change = Callable[[pd.DataFrame], Any]

SESSIONS = ("cs-0003", "story-hallucinated-tool")
TEXTS = ("trace_id", "session_id", "session_source", "service", "span_type", "step_kind", "request_model")
MODELS = {"by": "request_model", "values": ("gpt-5-mini", "qwen3:8b")}

MEASURES: dict[str, Callable[[Any], Any]] = {
    "audit_tokens": al.audit_tokens,
    "compare": partial(al.compare, **MODELS, resamples=20),
    "context_growth": al.context_growth,
    "costs": al.costs,
    "critical_path": al.critical_path,
    "errors": partial(al.errors, by="service"),
    "executions": al.executions,
    "explain": lambda spans: al.explain(spans, spans),
    "latency": partial(al.latency, by="service", every="1d"),
    "messages": al.messages,
    "outliers": partial(al.outliers, by=["service", "name"]),
    "rounds": al.rounds,
    "sessions": al.sessions,
    "steps": al.steps,
    "throughput": partial(al.throughput, every="12h", by="service"),
    "tokens": partial(al.tokens, by=["request_model", "service"]),
    "tokens unpriced": partial(al.tokens, every="1d", prices=False),
    "tool_calls": al.tool_calls,
    "traces": al.traces,
}


@cache
def _spans() -> pd.DataFrame:
    rows = support_sessions()
    named = rows.filter(pc.is_in(rows["session_id"], pa.array(SESSIONS)))
    return pandas_of(rows.filter(pc.is_in(rows["trace_id"], named["trace_id"].unique())))


def _csv(spans: pd.DataFrame) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(spans.to_csv(index=False)))


def _categories(spans: pd.DataFrame) -> pd.DataFrame:
    return spans.astype(dict.fromkeys(TEXTS, "category"))


def _objects(spans: pd.DataFrame) -> pd.DataFrame:
    texts = [name for name in spans.columns if spans[name].dtype == "str"]
    return spans.assign(
        **{name: spans[name].astype(object).where(spans[name].notna(), None) for name in texts}
    )


def _in_polars(spans: pd.DataFrame) -> pl.DataFrame:
    return pl.from_pandas(spans.drop(columns="tags")).with_columns(pl.col(*TEXTS).cast(pl.Categorical))


CHANGES: dict[str, Change] = {
    "an index with gaps": lambda spans: spans.set_index(pd.Index(np.arange(len(spans)) * 7 + 3)),
    "an index named as a column": lambda spans: spans.set_index(["trace_id", "span_id"], drop=False),
    "columns of one's own": lambda spans: spans.assign(mine=[{"a": 1}] * len(spans)),
    "rows and columns in any order": lambda spans: spans.sample(frac=1.0, random_state=1)[
        spans.columns[::-1]
    ],
    "categories": _categories,
    "objects, nanoseconds": lambda spans: _objects(spans).astype({"start_time": "datetime64[ns, UTC]"}),
    "another time zone": lambda spans: spans.assign(
        start_time=spans["start_time"].dt.tz_convert("Asia/Kolkata")
    ),
    "back from CSV": _csv,
    "Polars categories": _in_polars,
    "lazy Polars categories": lambda spans: _in_polars(spans).lazy(),
    "large texts of Arrow": lambda spans: _in_polars(spans).with_columns(pl.col(*TEXTS).cast(str)).to_arrow(),
}


@pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)
def test_frames_of_people_give_the_same_rows(measure):
    """Whatever was done to index, order and types, a measure gives the same rows, of the same types."""
    expected = measure(_spans())
    rows, types = rows_of(expected), _types(expected)
    wrong: dict[str, list[str]] = {}
    for name, change in CHANGES.items():
        found = measure(change(_spans()))
        told = differences(rows_of(found), rows)
        if isinstance(found, pd.DataFrame) and (_types(found) != types or not _is_numbered(found)):
            told.append(f"{found.dtypes} {found.index}")
        if told:
            wrong[name] = told
    assert not wrong


def _types(found: pd.DataFrame) -> dict[str, str]:
    """The types of the columns but for those that group, which are as they came."""
    kinds = found.dtypes.astype(str).to_dict()
    return {name: kind for name, kind in kinds.items() if name not in {"service", "name", "request_model"}}


def _is_numbered(found: pd.DataFrame) -> bool:
    return isinstance(found.index, pd.RangeIndex) and found.index.start == 0


def _untyped() -> dict[str, Any]:
    nulls = ", ".join(f'NULL AS "{name}"' for name in SPANS.names)
    return {
        "pandas": pd.DataFrame([dict.fromkeys(SPANS.names)] * 3),
        "lazy Polars": pl.DataFrame({name: [None] * 3 for name in SPANS.names}).lazy(),
        "DuckDB": duckdb.connect().sql(f"SELECT {nulls} FROM range(3)"),  # noqa: S608  our own names
    }


@pytest.mark.parametrize("name", ["pandas", "lazy Polars", "DuckDB"])
def test_columns_of_nulls_without_a_type(name):
    """Where every column is null and of no type, measures say the same as where the types are known."""
    nulls = pandas_of(pa.Table.from_pylist([dict.fromkeys(SPANS.names)] * 3, schema=SPANS.arrow()))
    two_sides = {"compare": lambda spans: al.compare(spans, spans, resamples=5)}
    for title, measure in (MEASURES | two_sides).items():
        expected = rows_of(measure(nulls))
        assert not differences(rows_of(measure(_untyped()[name])), expected), title


def test_a_column_of_another_kind_is_named():
    """A column that cannot be what the span table says is named, with what it holds."""
    spans = _spans().assign(duration_ms="long")
    with pytest.raises(InvalidArgument, match=r"the column duration_ms holds .*string, and not double"):
        al.latency(spans)


def test_show_reads_frames_from_csv():
    """A trace that was written to CSV and read back shows the same lines: lists are no part of a page."""
    spans = _spans()
    trace = spans[spans["trace_id"] == spans["trace_id"].iloc[0]]
    assert al.show(_csv(trace)).text == al.show(trace).text


def test_truth_and_numbers_as_sides():
    """``values`` of a column of truth values or numbers are found as Python writes them."""
    spans = _spans()
    warmth = spans["step_kind"].map({"llm_call": 0.7, "tool_call": 1.0})
    spans = spans.assign(long=spans["duration_ms"] > 1000, warmth=warmth.astype("float64"))
    found = al.compare(spans, by="long", values=(False, True), resamples=5)
    assert (found["name_a"].iloc[0], found["name_b"].iloc[0]) == ("False", "True")
    found = al.compare(spans, by="warmth", values=(0.7, 1.0), resamples=5)
    assert (found["name_a"].iloc[0], found["name_b"].iloc[0]) == ("0.7", "1.0")


def test_a_message_about_values_is_short():
    """Of a column with very many values a dozen are named."""
    spans = pandas_of(pa.Table.from_pylist([make_span(n, name=f"call {n}") for n in range(40)]))
    with pytest.raises(InvalidArgument, match=r"40 values .* … 28 more"):
        al.compare(spans, by="name")


def test_a_trace_without_times_is_drawn_as_words():
    """Spans that neither begin nor last have no place on an axis; one that begins and takes no time has."""
    unknown = {"start_time": None, "duration_ms": None, "start_unix_nano": None}
    drawn = figures.waterfall(pandas_of(pa.Table.from_pylist([make_span(1, **unknown)])))
    assert any("no time to draw it along" in part.text.text for part in drawn.select({"type": Label}))
    instant = pandas_of(pa.Table.from_pylist([make_span(1, duration_ms=0.0)]))
    assert len(nw.from_native(al.critical_path(instant))) == 0
    assert figures.waterfall(instant).xaxis[0].axis_label == "time since the trace began (ms)"
