"""Suspicious token counts are found, the others are not, with every engine alike."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

import argus_lab as al
from argus_lab.conventions import admit
from argus_lab.frames import pandas_of
from argus_lab.lake.rows import arrow_table, span_rows
from argus_lab.measures.audit import WHY
from argus_lab.otlp import decode
from argus_lab.schema import SPANS
from argus_lab.testing import NOON, make_span
from tests.conventions.rows import NOW
from tests.otlp import sent

Found = list[tuple[str, str, int | None, int | None]]
TRACE = "c" * 32


def _pandas(rows: pa.Table) -> pd.DataFrame:
    return al.audit_tokens(pandas_of(rows))


def _plain_pandas(rows: pa.Table) -> pd.DataFrame:
    return al.audit_tokens(rows.to_pandas())


def _polars(rows: pa.Table) -> pd.DataFrame:
    return al.audit_tokens(pl.from_arrow(rows)).to_pandas()


def _lazy(rows: pa.Table) -> pd.DataFrame:
    return al.audit_tokens(pl.from_arrow(rows).lazy()).collect().to_pandas()


def _arrow(rows: pa.Table) -> pd.DataFrame:
    return al.audit_tokens(rows).to_pandas()


def _duckdb(rows: pa.Table) -> pd.DataFrame:
    return al.audit_tokens(duckdb.connect().from_arrow(rows)).to_arrow_table().to_pandas()


ENGINES = [_pandas, _plain_pandas, _polars, _lazy, _arrow, _duckdb]


def _span(n: int, parent: int | None = None, **columns: Any) -> dict[str, Any]:
    attributes = columns.pop("attributes", None)
    usage = {"input_tokens": None, "output_tokens": None, "usage_source": None, "span_type": "llm"}
    return make_span(
        n,
        **usage
        | {
            "trace_id": TRACE,
            "span_id": f"{n:016x}",
            "parent_span_id": None if parent is None else f"{parent:016x}",
            "attributes": attributes and json.dumps(attributes),
        }
        | columns,
    )


def _table(*rows: dict[str, Any]) -> pa.Table:
    return arrow_table(SPANS, [tuple(map(row.get, SPANS.names)) for row in rows])


def _found(engine: Callable[[pa.Table], pd.DataFrame], *rows: dict[str, Any]) -> Found:
    frame = engine(_table(*rows))
    assert list(frame.index) == list(range(len(frame)))
    assert list(frame.columns) == ["trace_id", "span_id", "finding", "why", "sent", "corrected"]
    assert all(WHY[finding] == why for finding, why in zip(frame["finding"], frame["why"], strict=True))
    numbers = [[None if pd.isna(v) else int(v) for v in frame[name]] for name in ("sent", "corrected")]
    ids = [str(int(span_id, 16)) for span_id in frame["span_id"]]
    return list(zip(ids, frame["finding"], *numbers, strict=True))


@pytest.fixture(params=ENGINES, ids=lambda engine: engine.__name__.strip("_"))
def engine(request: pytest.FixtureRequest) -> Callable[[pa.Table], pd.DataFrame]:
    """Each engine in turn."""
    return request.param


def test_right_counts_are_not_listed(engine: Callable[[pa.Table], pd.DataFrame]):
    """A trace whose counts agree, with siblings, caches and a total, has no finding."""
    attributes = {"gen_ai.usage.total_tokens": 15, "gen_ai.response.id": "a"}
    rows = [
        _span(1, span_type="agent"),
        _span(2, 1, input_tokens=10, output_tokens=5, cache_read_tokens=10, attributes=attributes),
        _span(3, 1, input_tokens=10, output_tokens=5, attributes={"gen_ai.response.id": "b"}),
        _span(4, 1),
    ]
    assert _found(engine, *rows) == []
    assert _found(engine) == []


def test_wrappers_and_agents(engine: Callable[[pa.Table], pd.DataFrame]):
    """Who repeats the usage of spans below is listed; a tool or a further agent ends the repetition."""
    used = {"input_tokens": 10, "output_tokens": 5}
    rows = [
        _span(1, span_type="agent", **used),
        _span(2, 1, **used),
        _span(3, 2, span_type="chain"),
        _span(4, 3, **used),
        _span(5, 4, span_type="tool"),
        _span(6, 5, **used),
    ]
    assert _found(engine, *rows) == [("1", "agent", 15, 0), ("2", "wrapper", 15, 0)]


def test_parents_in_a_circle_end(engine: Callable[[pa.Table], pd.DataFrame]):
    """Broken traces cost no endless walk, and a missing parent none either."""
    rows = [_span(1, 2), _span(2, 1), _span(3, 1, input_tokens=1), _span(4, 99, input_tokens=1)]
    assert _found(engine, *rows) == []


def test_counts_that_cannot_be(engine: Callable[[pa.Table], pd.DataFrame]):
    """Parts larger than the whole, totals that do not add up, and calls that used nothing."""
    rows = [
        _span(1, input_tokens=10, cache_read_tokens=8, cache_write_tokens=4),
        _span(2, input_tokens=22, cache_read_tokens=12, usage_source="x + cache"),
        _span(3, output_tokens=5, reasoning_tokens=6),
        _span(4, input_tokens=0, output_tokens=0),
        _span(5, input_tokens=0, output_tokens=0, status="ERROR"),
        _span(6, input_tokens=0, output_tokens=0, span_type="chain"),
        _span(7, input_tokens=0, output_tokens=0, end_time=None),
        _span(8, input_tokens=3, output_tokens=4, attributes={"llm.token_count.total": "9"}),
        _span(9, input_tokens=3, attributes={"llm.token_count.total": 9}),
    ]
    assert _found(engine, *rows) == [
        ("1", "cache", 10, 22),
        ("2", "cache_apart", 10, 22),
        ("3", "reasoning", 5, 11),
        ("4", "zero", 0, None),
        ("8", "total", 9, 7),
    ]


def test_one_response_twice_in_a_trace(engine: Callable[[pa.Table], pd.DataFrame]):
    """Two instrumentations of one call: the wrapper once, of siblings the later; no trace of another time."""
    used = {"input_tokens": 10, "output_tokens": 5, "attributes": {"gen_ai.response.id": "r"}}
    rows = [_span(1, **used), _span(2, 1, **used), _span(3, **used), _span(4, trace_id="d" * 32, **used)]
    assert _found(engine, *rows) == [("1", "wrapper", 15, 0), ("3", "same_response", 15, 0)]


def test_one_response_in_two_traces_at_the_same_time(engine: Callable[[pa.Table], pd.DataFrame]):
    """Without a span around them two instrumentations make two traces; what comes later is another call."""
    used = {"input_tokens": 10, "output_tokens": 5, "attributes": {"gen_ai.response.id": "r"}}
    outer, inner, later = NOON, NOON + timedelta(milliseconds=2), NOON + timedelta(milliseconds=100)
    rows = [
        _span(1, start_time=outer, duration_ms=100.0, **used),
        _span(2, start_time=inner, duration_ms=20.0, trace_id="d" * 32, **used),
        _span(3, start_time=later, duration_ms=100.0, trace_id="e" * 32, **used),
        _span(4, start_time=inner, duration_ms=20.0, trace_id="f" * 32, input_tokens=10),
    ]
    assert _found(engine, *rows) == [("2", "same_response", 15, 0)]


@st.composite
def _calls(draw: st.DrawFn) -> list[dict[str, Any]]:
    moments = st.none() | st.integers(0, 6).map(lambda seconds: NOON + timedelta(seconds=seconds))
    made = []
    for n in range(draw(st.integers(0, 8))):
        response = draw(st.sampled_from([None, "", "a", "b"]))
        length = draw(st.none() | st.integers(0, 3))
        start = draw(moments)
        row = _span(n + 1, input_tokens=5, attributes={"gen_ai.response.id": response}, start_time=start)
        end = None if start is None or length is None else start + timedelta(seconds=length)
        made.append(row | {"trace_id": draw(st.sampled_from("cde")) * 32, "end_time": end})
    return made


@given(_calls())
def test_nothing_else_is_the_same_response(rows: list[dict[str, Any]]):
    """Each finding has a call before it with its id, of its trace or not over yet; the others have none."""

    def order(row: dict[str, Any]) -> tuple[Any, ...]:
        return row["start_time"] is not None, row["start_time"], row["span_id"]

    def is_again(row: dict[str, Any], other: dict[str, Any]) -> bool:
        same = json.loads(row["attributes"])["gen_ai.response.id"]
        if not same or same != json.loads(other["attributes"])["gen_ai.response.id"]:
            return False
        times = row["start_time"], other["start_time"], other["end_time"]
        overlap = None not in times and times[0] < times[2]
        return bool(overlap or row["trace_id"] == other["trace_id"])

    counted: list[dict[str, Any]] = []
    for row in sorted(rows, key=order):
        if not any(is_again(row, other) for other in counted):
            counted.append(row)
    told = {int(row["span_id"], 16) for row in rows} - {int(row["span_id"], 16) for row in counted}
    assert sorted(_found(_arrow, *rows)) == [(str(n), "same_response", 5, 0) for n in sorted(told)]


def test_two_instrumentations_in_traces_of_their_own_are_found_in_a_capture():
    """The captured calls of one client under two libraries, with no span around: each is counted once."""
    body = json.dumps(sent.sample("dialects_extra/traceloop_anthropic_062.json")).encode()
    export = decode(body, "json")
    rows = arrow_table(SPANS, list(span_rows(export, admit(export, project="sample"), NOW)))
    found = al.audit_tokens(rows).filter(pc.field("finding") == "same_response")
    scopes = dict(zip(rows["span_id"].to_pylist(), rows["scope_name"].to_pylist(), strict=True))
    assert [scopes[span] for span in found["span_id"].to_pylist()] == ["com.anthropic.sdk.python"] * 2
    assert found["corrected"].to_pylist() == [0, 0]


def test_without_attributes_the_rest_is_found():
    """Light frames do; what is needed beyond is said."""
    frame = pandas_of(_table(_span(1, input_tokens=0))).drop(columns="attributes")
    assert al.audit_tokens(frame)["finding"].tolist() == ["zero"]
    with pytest.raises(al.InvalidArgument, match="span_type"):
        al.audit_tokens(frame.drop(columns="span_type"))


def test_two_instrumentations_of_one_call_are_found_in_a_capture():
    """The captured trace with two libraries on one client: what is left to count is each call once."""
    body = json.dumps(sent.sample("dialects/double_instrumented_anthropic.json")).encode()
    export = decode(body, "json")
    rows = pandas_of(arrow_table(SPANS, list(span_rows(export, admit(export, project="sample"), NOW))))
    calls = rows[rows["span_type"] == "llm"]
    found = al.audit_tokens(rows).set_index("span_id")
    assert found["finding"].tolist() == ["wrapper", "wrapper"]
    tokens = calls.set_index("span_id").eval("input_tokens + output_tokens")
    once = tokens.drop(found.index)
    assert sorted(once.dropna()) == sorted(found["sent"])
    assert tokens.sum() - (found["sent"] - found["corrected"]).sum() == once.sum()
