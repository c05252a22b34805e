"""Comparisons find what the sample's deploy did, with numbers that SQL agrees to."""

from __future__ import annotations

import json
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings

import argus_lab as al
from argus_lab.frames import pandas_of
from argus_lab.measures.compare import compare
from argus_lab.measures.explain import explain
from argus_lab.testing import make_span
from tests.measures.engines import ENGINES, rows_of
from tests.measures.generated import tables
from tests.measures.samples import DATASETS, spans_of, support_sessions

FACTS = json.loads((DATASETS / "support-sessions.facts.json").read_text())["deploy"]
SQL = """
SELECT median(duration_ms) AS median_ms, quantile_cont(duration_ms, 0.95) AS p95_ms,
    avg((status = 'ERROR')::INT) AS error_rate,
    median(duration_ms) FILTER (span_type = 'llm') AS call_median_ms,
    avg((status = 'ERROR')::INT) FILTER (span_type = 'llm') AS call_error_rate,
    avg(input_tokens) AS input_tokens, avg(output_tokens) AS output_tokens,
    count(*) FILTER (span_type = 'llm') / count(DISTINCT trace_id) AS model_calls,
    (SELECT median(ms) FROM (SELECT (max(start_unix_nano + duration_ns) - min(start_unix_nano)) / 1e6 AS ms
        FROM side GROUP BY trace_id)) AS trace_median_ms,
    (SELECT avg(failed::INT) FROM (SELECT bool_or(status = 'ERROR') AS failed
        FROM side GROUP BY trace_id)) AS trace_error_rate
FROM side
"""


@pytest.fixture(scope="module")
def sides() -> tuple[pd.DataFrame, pd.DataFrame]:
    """The traces before and after the deploy of 1.9.0."""
    spans = pandas_of(support_sessions())
    begun = spans.groupby("trace_id")["start_time"].transform("min")
    deploy = pd.Timestamp(FACTS["at"])
    return spans[begun < deploy], spans[begun >= deploy]


def test_numbers_are_those_of_sql(sides):
    """Medians, rates, means and sizes of both sides."""
    found = compare(*sides, resamples=50).set_index("metric")
    for column, side in zip("ab", sides, strict=True):
        session = duckdb.connect()
        session.register("side", pa.Table.from_pandas(side))
        (want,) = session.sql(SQL).to_arrow_table().to_pylist()
        for metric, value in want.items():
            assert found.loc[metric, column] == pytest.approx(value, rel=1e-9), metric
    assert found.loc["median_ms", ["n_a", "n_b"]].tolist() == [2688, 2336]
    assert found["difference"].tolist() == pytest.approx((found["b"] - found["a"]).tolist(), nan_ok=True)


def test_the_deploy_made_a_tool_slower(sides):
    """lookup_order takes three times as long since 1.9.0, clearly, and nothing else of it changed clearly."""
    tool = [side[side["tool_name"] == "lookup_order"] for side in sides]
    found = compare(*tool).set_index("metric")
    median = found.loc["median_ms"]
    for column, when in (("a", "before"), ("b", "after")):
        assert median[column] == pytest.approx(FACTS[when]["lookup_order_median_ms"])
    assert bool(median["is_clear"])
    assert 400 < median["low"] < median["difference"] < median["high"] < 750


def test_the_deploy_made_a_model_fail(sides):
    """qwen3 fails nine times as often; its time to the first token has not clearly changed."""
    model = [side[side["request_model"] == "qwen3:8b"] for side in sides]
    found = compare(*model).set_index("metric")
    rate = found.loc["call_error_rate"]
    assert [rate["a"], rate["b"]] == pytest.approx(
        [FACTS[when]["qwen3_failure_rate"] for when in ("before", "after")], abs=1e-4
    )
    assert bool(rate["is_clear"])
    assert not found.loc["ttft_median_ms", "is_clear"]


def test_explain_finds_both(sides):
    """The model that fails and the database behind the tool explain why traces take longer."""
    found = explain(*sides).set_index("label")
    assert found.index[0] == "qwen3:8b"
    assert found.loc["qwen3:8b", "errors_b"] > 8 * found.loc["qwen3:8b", "errors_a"]
    slower = found[(found["b_ms"] / found["calls_b"]) > 2 * (found["a_ms"] / found["calls_a"])]
    assert "orders-db-query" in slower.index
    assert found["share"].sum() == pytest.approx(1)
    walls = []
    for side in sides:
        ends = side.assign(end=side["start_unix_nano"] + side["duration_ns"]).groupby("trace_id")
        walls.append(((ends["end"].max() - ends["start_unix_nano"].min()) / 1e6).mean())
    assert found[["a_ms", "b_ms"]].sum().tolist() == pytest.approx(walls)


def test_halves_of_one_thing_do_not_differ(sides):
    """Traces before the deploy, halved eight ways by their ids: few intervals exclude 0, as few as should."""
    before = sides[0]
    clear = []
    for place in range(-8, 0):
        is_even = before["trace_id"].str[place].isin(list("02468ace"))
        clear += compare(before[is_even], before[~is_even], resamples=200)["is_clear"].tolist()
    assert sum(clear) / len(clear) < 0.15


def test_a_value_beside_another():
    """by= divides one frame; parts of traces have no wall time; the earlier value is a."""
    found = compare(support_sessions(), by="request_model", values=["gpt-5-mini", "qwen3:8b"], resamples=100)
    rows = {row["metric"]: row for row in rows_of(found)}
    assert "trace_median_ms" not in rows
    assert (rows["median_ms"]["n_a"], rows["median_ms"]["n_b"]) == (678, 286)
    assert rows["cost_usd"]["n_b"] == 0
    assert rows["cost_usd"]["b"] is None
    assert {(row["name_a"], row["name_b"]) for row in rows.values()} == {("gpt-5-mini", "qwen3:8b")}


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        ({}, "takes two frames"),
        ({"by": "request_model"}, "has 3 values .*say which two"),
        ({"by": "request_model", "values": ["gpt-5-mini", "gpt-9"]}, "two different values"),
        ({"by": "model"}, "no such column; it has request_model"),
        ({"by": ["service"]}, "takes the name of one column"),
        ({"by": "status", "confidence": 95}, "share between 0 and 1"),
        ({"by": "status", "resamples": 0}, "above 0"),
    ],
)
def test_what_cannot_be_compared_is_said(options: dict[str, Any], advice: str):
    """Which two, or which frames: the message has the choices."""
    with pytest.raises(al.InvalidArgument, match=advice):
        compare(support_sessions(), **options)


def test_explain_by_a_value_takes_whole_traces():
    """Traces that only qwen3 answered beside those that only gpt-5-mini did; mixed ones are left out."""
    found = explain(support_sessions(), by="request_model", values=["gpt-5-mini", "qwen3:8b"])
    rows = {row["label"]: row for row in rows_of(found)}
    assert (rows["qwen3:8b"]["a_ms"], rows["gpt-5-mini"]["b_ms"]) == (0, 0)
    spans = support_sessions().to_pandas()
    models = spans.groupby("trace_id")["request_model"].agg(lambda names: set(names.dropna()))
    walls = []
    for model in ("gpt-5-mini", "qwen3:8b"):
        side = spans[spans["trace_id"].isin(models[models == {model}].index)]
        ends = side.assign(end=side["start_unix_nano"] + side["duration_ns"]).groupby("trace_id")
        walls.append(((ends["end"].max() - ends["start_unix_nano"].min()) / 1e6).mean())
    assert [sum(row[name] for row in rows.values()) for name in ("a_ms", "b_ms")] == pytest.approx(walls)


def test_explain_needs_traces_of_one_value():
    """Where each trace has both values there is nothing to hold against each other."""
    both = spans_of(make_span(0, status="OK"), make_span(1, status="ERROR"))
    with pytest.raises(al.InvalidArgument, match="no trace has only"):
        explain(both, by="status")


def test_one_trace_has_no_interval():
    """Nothing can be drawn again from a single trace: the numbers stand, the interval is unknown."""
    rows = rows_of(compare(spans_of(make_span(1)), spans_of(make_span(5, duration_ms=900.0))))
    assert all(row["low"] is None and row["is_clear"] is False for row in rows)
    assert rows[0]["difference"] == pytest.approx(790.0)


@pytest.mark.parametrize("engine", ENGINES)
def test_engines_agree(engine: str):
    """The same rows from every engine, intervals included; nothing of nothing."""
    make = ENGINES[engine]
    a, b = support_sessions().slice(0, 400), support_sessions().slice(400, 400)
    assert rows_of(compare(make(a), make(b), resamples=50)) == rows_of(compare(a, b, resamples=50))
    assert rows_of(explain(make(a), make(b))) == rows_of(explain(a, b))
    assert rows_of(compare(make(a.slice(0, 0)), make(b.slice(0, 0)))) == []
    assert rows_of(explain(make(a.slice(0, 0)), make(b.slice(0, 0)))) == []


@settings(max_examples=25)
@given(a=tables(), b=tables())
def test_any_spans(a: pa.Table, b: pa.Table):
    """Broken spans break nothing: intervals are in order, sizes are those of the frames."""
    for row in rows_of(compare(a, b, resamples=20)):
        assert row["n_a"] or row["n_b"]
        if row["low"] is not None:
            assert row["low"] <= row["high"]
            assert row["is_clear"] == (row["low"] > 0 or row["high"] < 0)
        if row["metric"] == "error_rate":
            assert (row["n_a"], row["n_b"]) == (a.num_rows, b.num_rows)
    found = rows_of(explain(a, b))
    assert sum(row["calls_a"] for row in found) == pytest.approx(
        a.num_rows / max(len(set(a["trace_id"].to_pylist())), 1)
    )


def test_frames_cut_out_of_others_are_taken_with_their_index(sides):
    """What a condition leaves of a pandas frame explains the same as the same rows with a plain index."""
    before, after = sides
    assert not after.index.equals(pd.RangeIndex(len(after)))
    found = explain(before, after)
    plain = explain(before.reset_index(drop=True), after.reset_index(drop=True))
    pd.testing.assert_frame_equal(found, plain)
